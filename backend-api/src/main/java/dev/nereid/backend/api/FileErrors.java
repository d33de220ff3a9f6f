package dev.nereid.backend.api;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;

/**
 * Why a file can't be used, for texts that people read. The JDK's own messages are the path and nothing else where
 * permissions are missing, and paths don't belong into answers to clients. Any thread may call.
 */
public final class FileErrors {
    private static final Path MOUNTS = Path.of("/proc/self/mounts");

    private FileErrors() {
    }

    /** Returns the reason without the path, as the system words it: {@code Permission denied}. */
    public static String reason(IOException error) {
        return switch (error) {
            case NoSuchFileException _ -> "No such file or directory";
            case AccessDeniedException _ -> "Permission denied";
            case NotDirectoryException _ -> "Not a directory";
            case FileSystemLoopException _ -> "Too many levels of symbolic links";
            case FileSystemException e when e.getReason() != null -> e.getReason();
            case FileSystemException _ -> "input/output error";
            default -> error.getMessage() == null ? "input/output error" : error.getMessage();
        };
    }

    /**
     * Returns what keeps this process from looking at a file, such as a directory that it has no right to enter. Empty
     * where nothing does, also where there simply is no such file.
     */
    public static Optional<String> obstacle(Path file) {
        try {
            Files.readAttributes(file, BasicFileAttributes.class);
            return Optional.empty();
        } catch (NoSuchFileException | NotDirectoryException e) {
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(reason(e));
        }
    }

    /**
     * Returns whether nothing that lies in a directory can be run as code, native libraries included, because its file system
     * is mounted with {@code noexec}. False where that can't be found out.
     */
    public static boolean forbidsExecution(Path directory) {
        try {
            return forbidsExecution(directory.toRealPath(), Files.readString(MOUNTS, StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            return false;
        }
    }

    /** Looks into lines such as {@code tmpfs /tmp tmpfs rw,noexec,relatime 0 0}; the last mount of a place hides others. */
    static boolean forbidsExecution(Path directory, String mounts) {
        int longest = -1;
        boolean forbids = false;
        for (String line : mounts.split("\n", -1)) {
            String[] fields = line.split(" ", -1);
            if (fields.length < 4) {
                continue;
            }
            Path place = Path.of(fields[1].replace("\\040", " "));
            if (directory.startsWith(place) && place.getNameCount() >= longest) {
                longest = place.getNameCount();
                forbids = ("," + fields[3] + ",").contains(",noexec,");
            }
        }
        return forbids;
    }
}
