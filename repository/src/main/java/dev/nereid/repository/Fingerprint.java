package dev.nereid.repository;

import dev.nereid.repository.config.ConfigReader;
import dev.nereid.repository.config.ModelFiles;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.EnumSet;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Sizes and modification times of everything in a model's directory but what tools leave there, by relative path: equal fingerprints mean that
 * nothing changed. Files that come and go while it is taken are there or not; the next fingerprint tells.
 *
 * @param versions for each version, what its directory holds
 * @param config the configuration file, empty where there is none
 * @param rest everything else
 */
public record Fingerprint(Map<Long, Map<String, Stamp>> versions, Map<String, Stamp> config, Map<String, Stamp> rest) {
    private static final int MAX_DEPTH = 32;

    /** Copies the maps. */
    public Fingerprint {
        Map<Long, Map<String, Stamp>> copies = new TreeMap<>();
        versions.forEach((version, stamps) -> copies.put(version, Map.copyOf(stamps)));
        versions = Map.copyOf(copies);
        config = Map.copyOf(config);
        rest = Map.copyOf(rest);
    }

    /** Takes the fingerprint of a model's directory. */
    static Fingerprint of(Path modelDirectory, VersionDirectories versionDirectories, String configName) {
        Map<String, Stamp> all = stamps(modelDirectory);
        String configFile = modelDirectory.relativize(ConfigReader.configFile(modelDirectory, configName)).toString();
        Map<String, Map<String, Stamp>> byDirectory = new TreeMap<>();
        for (long version : versionDirectories.versions()) {
            byDirectory.put(Long.toString(version), new TreeMap<>());
        }
        Map<String, Stamp> config = new TreeMap<>();
        Map<String, Stamp> rest = new TreeMap<>();
        all.forEach((path, stamp) -> {
            Map<String, Stamp> version = byDirectory.get(Path.of(path).getName(0).toString());
            if (path.equals(configFile)) {
                config.put(path, stamp);
            } else if (version != null) {
                version.put(path, stamp);
            } else {
                rest.put(path, stamp);
            }
        });
        Map<Long, Map<String, Stamp>> versions = new TreeMap<>();
        byDirectory.forEach((directory, stamps) -> versions.put(Long.parseLong(directory), stamps));
        return new Fingerprint(versions, config, rest);
    }

    private static Map<String, Stamp> stamps(Path root) {
        Map<String, Stamp> stamps = new TreeMap<>();
        try {
            Files.walkFileTree(root, EnumSet.of(FileVisitOption.FOLLOW_LINKS), MAX_DEPTH,
                    new SimpleFileVisitor<>() {
                        @Override
                        public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                            if (root.equals(directory.getParent())
                                    && ModelFiles.isLeftByTools(String.valueOf(directory.getFileName()))) {
                                return FileVisitResult.SKIP_SUBTREE;
                            }
                            if (!directory.equals(root)) {
                                stamps.put(root.relativize(directory).toString(), Stamp.ofDirectory(attributes));
                            }
                            return FileVisitResult.CONTINUE;
                        }

                        @Override
                        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                            stamps.put(root.relativize(file).toString(), Stamp.of(attributes));
                            return FileVisitResult.CONTINUE;
                        }

                        @Override
                        public FileVisitResult visitFileFailed(Path file, IOException failure) {
                            // Gone, unreadable, or a link that leads back: noted, so that a later repair is a change.
                            if (!file.equals(root)) {
                                stamps.put(root.relativize(file).toString(), Stamp.UNREADABLE);
                            }
                            return FileVisitResult.CONTINUE;
                        }

                        @Override
                        public FileVisitResult postVisitDirectory(Path directory,
                                @Nullable IOException failure) {
                            return FileVisitResult.CONTINUE;
                        }
                    });
        } catch (IOException e) {
            stamps.put(".", Stamp.UNREADABLE);
        }
        return stamps;
    }

    /** Returns whether everything outside version directories and configuration is as it was. */
    boolean hasSameRest(Fingerprint other) {
        return rest.equals(other.rest);
    }

    /**
     * Size and time of one file.
     *
     * @param size in bytes; 0 for directories
     * @param modifiedNanos the modification time, in nanoseconds since 1970
     */
    public record Stamp(long size, long modifiedNanos) {
        private static final Stamp UNREADABLE = new Stamp(-1, 0);

        static Stamp of(BasicFileAttributes attributes) {
            return new Stamp(attributes.size(),
                    attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS));
        }

        private static Stamp ofDirectory(BasicFileAttributes attributes) {
            return new Stamp(0, attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS));
        }
    }
}
