package dev.nereid.server.cli;

import dev.nereid.server.NereidServer;
import dev.nereid.server.StartException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A file that is there while the server serves, and tells its process and its ports: for programs that start a server on
 * ports of the system's choice, or wait until it is ready. Nobody sees half of it.
 *
 * <p>Threads: the one that starts the server, and the one that ends it; this object's monitor keeps them apart, so that
 * nothing is written once the end has begun.
 */
final class ReadyFile {
    private static final Logger LOGGER = System.getLogger(ReadyFile.class.getName());

    private final Optional<Path> path;
    private @Nullable String written;
    private boolean isOver;

    /** Creates what writes to that path, or nothing where there is none. */
    ReadyFile(Optional<Path> path) {
        this.path = path;
    }

    /**
     * Deletes what an earlier server may have left, which would tell of ports that nobody listens to.
     *
     * @throws StartException when that can't be done
     */
    void clear() {
        if (path.isPresent()) {
            try {
                Files.deleteIfExists(path.get());
            } catch (IOException e) {
                throw unusable(path.get(), e);
            }
        }
    }

    /**
     * Tells that the server serves.
     *
     * @throws StartException when the file can't be written
     */
    void write(NereidServer server) {
        write(content(ProcessHandle.current().pid(), server.httpPort(), server.grpcPort(), server.metricsPort(),
                server.consolePort()));
    }

    /** Returns the file's text; a port of -1 is none. */
    static String content(long pid, int httpPort, int grpcPort, int metricsPort, int consolePort) {
        return "pid=" + pid + "\n" + (httpPort < 0 ? "" : "http=" + httpPort + "\n")
                + (grpcPort < 0 ? "" : "grpc=" + grpcPort + "\n")
                + (metricsPort < 0 ? "" : "metrics=" + metricsPort + "\n")
                + (consolePort < 0 ? "" : "console=" + consolePort + "\n");
    }

    synchronized void write(String content) {
        if (path.isEmpty() || isOver) {
            return;
        }
        Path file = path.get();
        Path part = file.resolveSibling(file.getFileName() + "." + ProcessHandle.current().pid() + ".part");
        try {
            try {
                Files.writeString(part, content, StandardCharsets.US_ASCII);
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(part);
            }
        } catch (IOException e) {
            throw unusable(file, e);
        }
        written = content;
    }

    private static StartException unusable(Path file, IOException e) {
        return new StartException("the ready file " + file + " can't be written: " + e
                + ". Give --ready-file a file in a directory that the server may write to.");
    }

    /** Deletes the file, unless another server has written its own there meanwhile; none is written any more. */
    synchronized void remove() {
        isOver = true;
        String own = written;
        if (path.isEmpty() || own == null) {
            return;
        }
        written = null;
        try {
            if (Files.readString(path.get(), StandardCharsets.US_ASCII).equals(own)) {
                Files.delete(path.get());
            }
        } catch (NoSuchFileException e) {
            LOGGER.log(Level.DEBUG, "the ready file is gone already", e);
        } catch (IOException e) {
            LOGGER.log(Level.WARNING, () -> "the ready file " + path.get() + " can't be deleted: " + e);
        }
    }
}
