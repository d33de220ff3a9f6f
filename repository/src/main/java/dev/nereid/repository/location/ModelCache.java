package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.FileFailures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A directory on the local disk in which models from object storage are kept. It belongs to one server at a time, which
 * holds a lock on a file in it. Threads: any.
 */
public final class ModelCache implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(ModelCache.class.getName());
    private static final String LOCK = ".lock";
    /** So many parts of objects are fetched at the same time. */
    private static final int MAX_CONNECTIONS = 8;
    private static final int MAX_READABLE = 60;
    private static final int DIGEST_BYTES = 6;
    /** The name of the directory of a location. */
    private static final Pattern OWN = Pattern.compile("[A-Za-z0-9._-]+-[0-9a-f]{" + 2 * DIGEST_BYTES + "}");

    private final Path directory;
    private final FileChannel lock;
    private final boolean isTemporary;
    private final Semaphore connections = new Semaphore(MAX_CONNECTIONS);

    private ModelCache(Path directory, FileChannel lock, boolean isTemporary) {
        this.directory = directory;
        this.lock = lock;
        this.isTemporary = isTemporary;
    }

    /**
     * Opens a directory, which is made where there is none, and removes what downloads that broke off have left.
     *
     * @param isTemporary whether it is removed in the end
     * @throws InferenceException when it can't be used, or another server uses it
     */
    public static ModelCache open(Path directory, boolean isTemporary) {
        try {
            Files.createDirectories(directory);
            FileChannel lock = lock(directory);
            try {
                removeLeftovers(directory);
            } catch (IOException e) {
                lock.close();
                throw e;
            }
            return new ModelCache(directory, lock, isTemporary);
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, "the model cache directory '" + directory
                    + "' can't be used: " + FileFailures.pathAndReason(e), e);
        }
    }

    private static FileChannel lock(Path directory) throws IOException {
        FileChannel channel = FileChannel.open(directory.resolve(LOCK), StandardOpenOption.CREATE,
                StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            // By this process; told below.
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        channel.close();
        throw InferenceException.invalid("the model cache directory '" + directory
                + "' is in use by another server; each server needs one of its own");
    }

    /** Looks only into directories of its own: what else is on the same disk may not even be readable. */
    private static void removeLeftovers(Path directory) throws IOException {
        for (Path location : directories(directory)) {
            if (!OWN.matcher(String.valueOf(location.getFileName())).matches()) {
                continue;
            }
            for (Path model : directories(location)) {
                for (Path state : directories(model)) {
                    if (String.valueOf(state.getFileName()).startsWith(CachedModels.PARTIAL)) {
                        delete(state);
                    }
                }
            }
        }
    }

    private static List<Path> directories(Path directory) throws IOException {
        List<Path> directories = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, Files::isDirectory)) {
            entries.forEach(directories::add);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return directories;
    }

    /** Returns the part of the cache that is for the models of one location. */
    CachedModels models(String location) {
        return new CachedModels(directory.resolve(directoryName(location)));
    }

    /** Returns the directory. */
    Path directory() {
        return directory;
    }

    /** Returns what bounds the parts of objects that are fetched at the same time. */
    Semaphore connections() {
        return connections;
    }

    private static String directoryName(String location) {
        String readable = location.replaceAll("[^A-Za-z0-9.-]+", "_");
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(location.getBytes(StandardCharsets.UTF_8));
            return readable.substring(0, Math.min(MAX_READABLE, readable.length())) + "-"
                    + HexFormat.of().formatHex(digest, 0, DIGEST_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Deletes a directory. What can't be deleted is logged and left. */
    public static void delete(Path path) {
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
            LOGGER.log(Level.WARNING, () -> "failed to delete '" + path + "': " + FileFailures.pathAndReason(e));
        }
    }

    /** Lets another server use the directory; removes it where it is a temporary one. */
    @Override
    public void close() {
        if (isTemporary) {
            delete(directory);
        }
        try {
            lock.close();
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, "the lock of the model cache", e);
        }
    }
}
