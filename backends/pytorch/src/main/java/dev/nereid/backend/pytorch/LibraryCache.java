package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.FileErrors;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Predicate;

/** The directory that JavaCPP unpacks native libraries into and loads them from. */
final class LibraryCache {
    private static final Logger LOGGER = System.getLogger(LibraryCache.class.getName());

    private LibraryCache() {
    }

    /** Returns where it is; asking JavaCPP itself would make it read its settings. */
    static Path directory() {
        String configured = System.getProperty("org.bytedeco.javacpp.cachedir");
        return configured == null
                ? Path.of(System.getProperty("user.home"), ".javacpp", "cache")
                : Path.of(configured);
    }

    /** Returns why nothing can be loaded from there, where that lies in the directory: libraries' own words don't tell. */
    static Optional<String> obstacle() {
        return obstacle(directory(), FileErrors::forbidsExecution);
    }

    static Optional<String> obstacle(Path directory, Predicate<Path> forbidsExecution) {
        Optional<String> obstacle = !Files.isDirectory(directory) || !Files.isWritable(directory)
                ? Optional.of("can't be written to")
                : forbidsExecution.test(directory)
                        ? Optional.of("is mounted with noexec, so nothing in it can be run as code")
                        : Optional.empty();
        obstacle.ifPresent(what -> LOGGER.log(Level.ERROR, () -> "native libraries: " + directory + " " + what));
        return obstacle.map(what -> "the directory that they are unpacked into " + what
                + "; NEREID_CACHE_DIR names another");
    }
}
