package dev.nereid.tools.prepare;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Unpacks the native libraries of a backend: puts a directory of the same name in the place of each jar that holds libraries
 * for JavaCPP and no code. JavaCPP loads what lies in a directory from there; what is in a jar it unpacks first.
 */
final class NativeLibraries {
    private static final String JAR = ".jar";
    private static final Pattern LIBRARY = Pattern.compile("org/bytedeco/[^/]+/[^/]+/[^/]+\\.so(\\.[0-9.]+)?");
    private static final String ABOUT = "META-INF/";
    /** JavaCPP unpacks OpenBLAS's library under two names. */
    private static final String OPENBLAS = "libopenblas.so.0";
    private static final String OPENBLAS_TOO = "libopenblas_nolapack.so.0";

    private NativeLibraries() {
    }

    /**
     * Unpacks the libraries of a backend.
     *
     * @param backend the backend's directory
     * @return the jars whose places directories have now; empty where nothing was left to do
     * @throws PrepareException when the directory can't be read or written; each jar is then whole, or unpacked as a whole
     */
    static List<Path> unpack(Path backend) throws PrepareException {
        List<Path> unpacked = new ArrayList<>();
        try {
            for (Path jar : jars(backend)) {
                if (unpackJar(jar)) {
                    unpacked.add(jar);
                }
            }
        } catch (IOException e) {
            throw new PrepareException("the native libraries in " + backend + " can't be unpacked: " + e, e);
        }
        return unpacked;
    }

    private static List<Path> jars(Path backend) throws IOException {
        try (Stream<Path> files = Files.list(backend)) {
            return files.filter(file -> file.toString().endsWith(JAR) && Files.isRegularFile(file)).sorted().toList();
        }
    }

    private static boolean unpackJar(Path jar) throws IOException {
        Path fresh;
        try (JarFile file = new JarFile(jar.toFile())) {
            List<JarEntry> entries = file.stream().filter(entry -> !entry.isDirectory()).toList();
            if (entries.stream().anyMatch(NativeLibraries::isCode)
                    || entries.stream().noneMatch(entry -> LIBRARY.matcher(entry.getName()).matches())) {
                return false;
            }
            fresh = Files.createTempDirectory(jar.resolveSibling(""), ".unpack-");
            try {
                for (JarEntry entry : entries) {
                    if (LIBRARY.matcher(entry.getName()).matches() || entry.getName().startsWith(ABOUT)) {
                        copy(file, entry, fresh);
                    }
                }
            } catch (IOException | RuntimeException e) {
                delete(fresh);
                throw e;
            }
        }
        Path old = Files.move(jar, jar.resolveSibling(jar.getFileName() + ".old"));
        try {
            Files.setPosixFilePermissions(fresh, Files.getPosixFilePermissions(jar.resolveSibling("")));
            Files.move(fresh, jar);
        } catch (IOException e) {
            Files.move(old, jar);
            delete(fresh);
            throw e;
        }
        Files.delete(old);
        return true;
    }

    private static boolean isCode(JarEntry entry) {
        return entry.getName().endsWith(".class") && !entry.getName().endsWith("module-info.class");
    }

    private static void copy(JarFile jar, JarEntry entry, Path directory) throws IOException {
        Path target = directory.resolve(entry.getName()).normalize();
        if (!target.startsWith(directory)) {
            throw new IOException("'" + entry.getName() + "' would lie elsewhere");
        }
        Files.createDirectories(target.resolveSibling(""));
        try (InputStream content = jar.getInputStream(entry)) {
            long ignored = Files.copy(content, target);
        }
        Files.setLastModifiedTime(target, entry.getLastModifiedTime());
        if (target.endsWith(OPENBLAS)) {
            Files.createSymbolicLink(target.resolveSibling(OPENBLAS_TOO), Path.of(OPENBLAS));
        }
    }

    private static void delete(Path directory) throws IOException {
        List<Path> all;
        try (Stream<Path> files = Files.walk(directory)) {
            all = files.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path file : all) {
            Files.delete(file);
        }
    }
}
