package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class OwnLibtorchTest {
    private static final List<String> LIBRARIES = List.of("libc10.so", "libtorch.so", "libtorch_cpu.so");

    @TempDir
    Path directory;

    private Path libraries;

    @BeforeEach
    void makeDirectory() throws IOException {
        libraries = Files.createDirectories(directory.resolve("torch/lib"));
    }

    private void writeLibraries(String content) throws IOException {
        for (String library : LIBRARIES) {
            Files.writeString(libraries.resolve(library), content, StandardCharsets.ISO_8859_1);
        }
    }

    private static void assertRefused(Path setting, String what) {
        InferenceException failure = assertThrows(InferenceException.class, () -> OwnLibtorch.of(setting.toString()));

        assertEquals("the libtorch that the backend setting 'library-path' names can't be used: the directory " + what
                + ", expected libtorch 2.13.0", failure.getMessage());
        assertEquals(StatusCode.UNAVAILABLE, failure.code());
    }

    @Test
    void refusesWhatIsNoDirectory() {
        assertRefused(directory.resolve("absent"), "is no directory");
    }

    @Test
    void refusesAnEmptyDirectory() {
        assertRefused(libraries, "holds no libtorch_cpu.so");
    }

    @Test
    void refusesADirectoryWithALibraryMissing() throws IOException {
        writeLibraries("");
        Files.delete(libraries.resolve("libc10.so"));

        assertRefused(libraries, "holds no libc10.so");
    }

    @Test
    void readsTheVersionOfAWheel() throws IOException {
        writeLibraries("");
        Files.writeString(directory.resolve("torch/version.py"),
                "from typing import Optional\n__version__ = '2.12.1+cu130'\ncuda: Optional[str] = '13.0'\n");

        assertRefused(libraries, "holds version 2.12.1");
    }

    @Test
    void readsTheVersionOfAnArchive() throws IOException {
        writeLibraries("");
        Files.writeString(directory.resolve("torch/build-version"), "2.9.0+cpu\n");

        assertRefused(libraries, "holds version 2.9.0");
    }

    @Test
    void readsTheVersionOutOfTheLibrary() throws IOException {
        writeLibraries("\0graph\00011.0.2\0producer\0002.10.0\000onnx\0");

        assertRefused(libraries, "holds version 2.10.0");
    }

    @Test
    void refusesALibraryThatTellsNoVersion() throws IOException {
        writeLibraries("\0version 2.10.0\0002.1\0002.5.0\0002.6.0\0");

        assertRefused(libraries, "does not tell its version");
    }

    @Test
    void acceptsTheRightVersionAndTheDirectoryAbove() throws IOException {
        writeLibraries("\0001.5.0\0002.13.0\0002.5.0\0");

        assertEquals(libraries, OwnLibtorch.of(libraries.toString()).libraries());
        assertEquals(libraries, OwnLibtorch.of(directory.resolve("torch").toString()).libraries());
    }

    @Test
    void servesWithAnInstallationOfItsOwn() throws IOException, InterruptedException {
        Path packaged = Path.of(Loader.load(torch.class)).resolveSibling("");
        for (String library : LIBRARIES) {
            Files.copy(packaged.resolve(library), libraries.resolve(library));
        }

        List<String> output = LibtorchProbe.run(directory, "library-path=" + libraries);

        assertTrue(output.contains("answer 2.0 8.0"), output::toString);
        for (String library : LIBRARIES) {
            List<String> loaded = output.stream().filter(line -> line.endsWith("/" + library)).toList();
            assertEquals(List.of("library " + libraries.toRealPath().resolve(library)), loaded);
        }
        // Where other processes find the packaged one, nothing may change.
        for (String library : LIBRARIES) {
            assertTrue(Files.isRegularFile(packaged.resolve(library), java.nio.file.LinkOption.NOFOLLOW_LINKS));
        }
        try (var files = Files.list(libraries)) {
            assertEquals(LIBRARIES.size(), files.count());
        }
    }

    @Test
    void tellsAtStartWhatIsWrong() throws IOException, InterruptedException {
        assertEquals(List.of("refused UNAVAILABLE the libtorch that the backend setting 'library-path' names can't be"
                + " used: the directory holds no libtorch_cpu.so, expected libtorch 2.13.0"),
                LibtorchProbe.run(directory, "library-path=" + libraries));
    }

}
