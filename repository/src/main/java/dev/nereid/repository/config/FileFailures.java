package dev.nereid.repository.config;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/** Says why the file system refused something. The exceptions themselves often have the path as their only text. */
public final class FileFailures {
    private FileFailures() {
    }

    /** Returns the reason, in the words of the operating system, without the path. */
    public static String reason(Path file, IOException failure) {
        if (!(failure instanceof FileSystemException) && Files.isDirectory(file)) {
            return "Is a directory";
        }
        return reason(failure);
    }

    /** Returns the reason, in the words of the operating system, without the path that the exception names. */
    public static String reason(Exception failure) {
        Exception cause = cause(failure);
        return switch (cause) {
            case NoSuchFileException _ -> "No such file or directory";
            case AccessDeniedException _ -> "Permission denied";
            case NotDirectoryException _ -> "Not a directory";
            case FileSystemLoopException _ -> "Too many levels of symbolic links";
            case FileAlreadyExistsException _ -> "File exists";
            case DirectoryNotEmptyException _ -> "Directory not empty";
            case FileSystemException other when other.getReason() != null -> String.valueOf(other.getReason());
            default -> cause.getMessage() == null ? "input/output error" : String.valueOf(cause.getMessage());
        };
    }

    /** Returns the path that the exception names, where there is one, and the reason. */
    public static String pathAndReason(Exception failure) {
        Exception cause = cause(failure);
        return cause instanceof FileSystemException known && known.getFile() != null
                ? known.getFile() + ": " + reason(cause)
                : reason(cause);
    }

    private static Exception cause(Exception failure) {
        return failure instanceof UncheckedIOException && failure.getCause() instanceof IOException cause
                ? cause
                : failure;
    }
}
