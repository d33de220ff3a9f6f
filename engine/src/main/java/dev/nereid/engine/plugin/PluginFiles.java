package dev.nereid.engine.plugin;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.FileFailures;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Stream;

/**
 * The jars of a plugin and what is wrong with them. A directory whose name ends as a jar's is one that was unpacked.
 *
 * @param kind what the plugin is to contribute
 * @param name its name, after the directory or the jar
 * @param path the directory or the jar
 * @param jars the plugin's own jar and those it needs
 */
record PluginFiles(PluginKind kind, String name, Path path, List<Jar> jars) {
    private static final String EXTENSION_INDEX = "META-INF/extensions.idx";
    private static final String CONTRACT_CLASS = "dev/nereid/backend/api/BackendFactory.class";
    private static final String JAR_SUFFIX = ".jar";

    /**
     * One jar.
     *
     * @param path the file, or the directory that it was unpacked to
     * @param manifest its manifest; empty where it has none
     * @param hasExtensionIndex whether it names an extension
     * @param hasContract whether it holds the contract's own classes
     */
    record Jar(Path path, Manifest manifest, boolean hasExtensionIndex, boolean hasContract) {
    }

    static PluginFiles of(PluginKind kind, Path path) {
        String fileName = path.getFileName().toString();
        boolean isJar = Files.isRegularFile(path);
        String name = isJar ? fileName.substring(0, fileName.length() - JAR_SUFFIX.length()) : fileName;
        List<Path> paths = isJar ? List.of(path) : jarsIn(kind.named(name), path);
        return new PluginFiles(kind, name, path, paths.stream().map(jar -> read(kind.named(name), jar)).toList());
    }

    /** Returns the jar that names the extension. Only after {@link #check()}. */
    Jar mainJar() {
        return jars.stream().filter(Jar::hasExtensionIndex).findFirst().orElseThrow();
    }

    /** Checks what can be checked before any class is loaded. */
    void check() {
        String who = kind.named(name);
        if (jars.isEmpty()) {
            throw InferenceException.invalid(who + ": its directory holds no jar; put the " + kind.noun()
                    + "'s jar and the jars that it needs into it");
        }
        for (Jar jar : jars) {
            if (jar.hasContract()) {
                throw InferenceException.invalid(who + ": " + jar.path().getFileName()
                        + " bundles the backend API, which must come from the server; build it with the API in scope "
                        + "'provided'");
            }
        }
        if (jars.stream().noneMatch(Jar::hasExtensionIndex)) {
            throw InferenceException.invalid(who + ": no jar has a " + EXTENSION_INDEX + "; annotate the "
                    + kind.contract() + " with @Extension and compile with pf4j as annotation processor");
        }
        if (jars.stream().filter(Jar::hasExtensionIndex).count() > 1) {
            throw InferenceException.invalid(who + ": more than one jar has a " + EXTENSION_INDEX + ": "
                    + jars.stream().filter(Jar::hasExtensionIndex).map(jar -> jar.path().getFileName().toString())
                            .toList());
        }
    }

    /** Returns what changes when the files change. */
    List<String> fingerprint() {
        return jars.stream().map(jar -> {
            try {
                return jar.path() + "|" + Files.size(jar.path()) + "|" + Files.getLastModifiedTime(jar.path());
            } catch (IOException e) {
                return jar.path() + "|gone";
            }
        }).toList();
    }

    private static List<Path> jarsIn(String who, Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().endsWith(JAR_SUFFIX)).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            throw new InferenceException(StatusCode.INVALID_ARG,
                    who + ": its directory can't be read: " + FileFailures.reason(e), e);
        }
    }

    private static Jar read(String who, Path path) {
        return Files.isDirectory(path) ? readUnpacked(who, path) : readPacked(who, path);
    }

    private static Jar readUnpacked(String who, Path path) {
        Manifest manifest = new Manifest();
        Path file = path.resolve(JarFile.MANIFEST_NAME);
        try {
            if (Files.exists(file)) {
                try (InputStream in = Files.newInputStream(file)) {
                    manifest.read(in);
                }
            }
        } catch (IOException e) {
            throw InferenceException.invalid(
                    who + ": " + path.getFileName() + " has no readable manifest: " + FileFailures.reason(e));
        }
        return new Jar(path, manifest, Files.exists(path.resolve(EXTENSION_INDEX)),
                Files.exists(path.resolve(CONTRACT_CLASS)));
    }

    private static Jar readPacked(String who, Path path) {
        try (JarFile jar = new JarFile(path.toFile())) {
            Manifest manifest = jar.getManifest();
            return new Jar(path, manifest == null ? new Manifest() : manifest, jar.getEntry(EXTENSION_INDEX) != null,
                    jar.getEntry(CONTRACT_CLASS) != null);
        } catch (IOException e) {
            throw InferenceException.invalid(
                    who + ": " + path.getFileName() + " is not a readable jar: " + FileFailures.reason(e));
        }
    }
}
