package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/** Makes shared libraries that use libtorch from C sources among the resources. */
final class CompiledLibrary {
    private CompiledLibrary() {
    }

    /** Compiles a source into that directory; skips the test where there is no compiler. */
    static Path of(String source, Path directory) throws IOException, InterruptedException {
        Path file = directory.resolve(source + ".c");
        try (InputStream content = CompiledLibrary.class.getResourceAsStream("/" + source + ".c")) {
            Files.copy(content, file);
        }
        Path library = directory.resolve(source + ".so");
        Path libtorch = Path.of(Loader.load(torch.class)).resolveSibling("");
        int status;
        try {
            status = new ProcessBuilder("cc", "-shared", "-fPIC", "-O1", "-o", library.toString(), file.toString(),
                    "-L" + libtorch, "-l:libtorch_cpu.so", "-Wl,--unresolved-symbols=ignore-in-shared-libs")
                    .inheritIO().start().waitFor();
        } catch (IOException e) {
            status = -1;
        }
        assumeTrue(status == 0, "no C compiler here, so no library can be made");
        return library;
    }
}
