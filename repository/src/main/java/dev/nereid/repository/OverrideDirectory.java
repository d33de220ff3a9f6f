package dev.nereid.repository;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.PathGuard;
import dev.nereid.repository.location.HeldDirectory;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A model's directory made from the files of a load request. It is private to this process and goes with {@link
 * #close()}. Since it starts empty and nothing else writes into it, no link can lead out of it.
 */
public final class OverrideDirectory implements HeldDirectory {
    private static final System.Logger LOGGER = System.getLogger(OverrideDirectory.class.getName());
    private static final String PREFIX = "file:";

    private final Path path;

    private OverrideDirectory(Path path) {
        this.path = path;
    }

    /**
     * Writes the files of a load request below {@code parent}.
     *
     * @param files content by parameter name, which is {@code file:} and a path in the model's directory
     */
    public static OverrideDirectory create(Path parent, Map<String, byte[]> files) {
        OverrideDirectory directory;
        try {
            directory = new OverrideDirectory(Files.createTempDirectory(parent, "override"));
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INTERNAL,
                    "failed to create a directory for model file overrides: " + FileFailures.pathAndReason(e), e);
        }
        try {
            files.forEach(directory::write);
            return directory;
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
    }

    /** Returns the model's directory. */
    public Path path() {
        return path;
    }

    private void write(String parameter, byte[] content) {
        Path file = resolve(parameter);
        try {
            Path parent = file.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW,
                    StandardOpenOption.WRITE)) {
                out.write(content);
            }
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, "Invalid file parameter '" + parameter
                    + "': its path is that of another file or directory, or cannot be written", e);
        }
    }

    private Path resolve(String parameter) {
        if (!parameter.startsWith(PREFIX)) {
            throw InferenceException
                    .invalid("Unrecognized load parameter '" + parameter + "', expected 'config' or 'file:<path>'");
        }
        String relative = parameter.substring(PREFIX.length());
        Optional<Path> inside = PathGuard.inside(path, relative);
        return inside.orElseThrow(() -> InferenceException.invalid("Invalid file parameter '" + parameter
                + "' with normalized path '" + normalized(relative) + "' must stay within model directory."));
    }

    private String normalized(String relative) {
        try {
            return Path.of(relative).normalize().toString();
        } catch (InvalidPathException e) {
            return "";
        }
    }

    /** Deletes the directory. What cannot be deleted is logged and left. */
    @Override
    public void close() {
        try {
            Files.walkFileTree(path, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException failure) {
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
                        throws IOException {
                    Files.deleteIfExists(directory);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException | UncheckedIOException e) {
            LOGGER.log(System.Logger.Level.WARNING,
                    () -> "failed to delete '" + path + "': " + FileFailures.pathAndReason(e));
        }
    }
}
