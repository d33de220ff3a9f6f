package dev.nereid.tools.prepare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibrariesTest {
    private static final String OPENBLAS = "org/bytedeco/openblas/linux-x86_64/";
    private static final FileTime TIME = FileTime.fromMillis(1_700_000_000_000L);

    @TempDir
    private Path backend;

    private Path jar(String name, String... entries) throws IOException {
        Path jar = backend.resolve(name);
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (String entry : entries) {
                ZipEntry made = new ZipEntry(entry);
                made.setLastModifiedTime(TIME);
                out.putNextEntry(made);
                out.write(entry.getBytes(StandardCharsets.UTF_8));
            }
        }
        return jar;
    }

    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.walk(backend)) {
            return all.filter(file -> !Files.isDirectory(file)).map(file -> backend.relativize(file).toString())
                    .sorted()
                    .toList();
        }
    }

    @Test
    void putsADirectoryInThePlaceOfAJarOfLibraries() throws Exception {
        Path natives = jar("openblas-linux-x86_64.jar", "META-INF/MANIFEST.MF", "META-INF/versions/9/module-info.class",
                OPENBLAS + "libopenblas.so.0", OPENBLAS + "libjniopenblas.so", OPENBLAS + "include/cblas.h",
                OPENBLAS + "lib/cmake/x.so");
        jar("bindings.jar", "org/bytedeco/Bindings.class", OPENBLAS + "libx.so");
        jar("other.jar", "META-INF/MANIFEST.MF", "native/libother.so");

        assertEquals(List.of(natives), NativeLibraries.unpack(backend));

        String place = "openblas-linux-x86_64.jar/";
        assertEquals(List.of("bindings.jar", place + "META-INF/MANIFEST.MF",
                place + "META-INF/versions/9/module-info.class", place + OPENBLAS + "libjniopenblas.so",
                place + OPENBLAS + "libopenblas.so.0", place + OPENBLAS + "libopenblas_nolapack.so.0", "other.jar"),
                files());
        Path library = natives.resolve(OPENBLAS + "libopenblas.so.0");
        assertEquals(OPENBLAS + "libopenblas.so.0", Files.readString(library));
        assertEquals(TIME, Files.getLastModifiedTime(library));
        assertEquals(Files.getPosixFilePermissions(backend), Files.getPosixFilePermissions(natives));
        assertTrue(Files.isSameFile(library, library.resolveSibling("libopenblas_nolapack.so.0")));
        assertEquals(List.of(), NativeLibraries.unpack(backend));
    }

    @Test
    void whatCannotBeUnpackedStaysAsItIs() throws Exception {
        jar("natives.jar", OPENBLAS + "libx.so", "META-INF/../../../outside");

        assertThrows(PrepareException.class, () -> NativeLibraries.unpack(backend));

        assertEquals(List.of("natives.jar"), files());
    }
}
