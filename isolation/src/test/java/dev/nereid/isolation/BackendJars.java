package dev.nereid.isolation;

import dev.nereid.backend.api.BackendFactory;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;

/** Puts backends that are on the test's class path into jars, since a process of its own gets nothing else of a test. */
final class BackendJars {
    private BackendJars() {
    }

    /** Writes the jar of a backend: all classes of the factory's package. */
    static void write(BackendFactory factory, Path backends) {
        Class<?> type = factory.getClass();
        String folder = type.getPackageName().replace('.', '/');
        Path jar = backends.resolve(factory.name() + ".jar");
        try {
            Files.createDirectories(backends);
            URI place = type.getProtectionDomain().getCodeSource().getLocation().toURI();
            if (Files.isDirectory(Path.of(place))) {
                write(Path.of(place).resolve(folder), folder, type, jar);
            } else {
                try (FileSystem archive = FileSystems.newFileSystem(Path.of(place), Map.of())) {
                    write(archive.getPath(folder), folder, type, jar);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (java.net.URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void write(Path from, String folder, Class<?> type, Path jar) throws IOException {
        List<Path> classes;
        try (Stream<Path> files = Files.list(from)) {
            classes = files.filter(file -> file.getFileName().toString().endsWith(".class")).toList();
        }
        try (OutputStream file = Files.newOutputStream(jar); JarOutputStream out = new JarOutputStream(file)) {
            out.putNextEntry(new ZipEntry("META-INF/extensions.idx"));
            out.write((type.getName() + "\n").getBytes(StandardCharsets.UTF_8));
            for (Path each : classes) {
                out.putNextEntry(new ZipEntry(folder + "/" + each.getFileName()));
                out.write(Files.readAllBytes(each));
            }
        }
    }
}
