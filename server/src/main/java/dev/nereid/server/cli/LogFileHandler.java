package dev.nereid.server.cli;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.logging.LogRecord;
import java.util.logging.StreamHandler;
import org.jspecify.annotations.Nullable;

/** Appends to one file, line by line. The file is locked, so that lines of two servers don't get mixed up in it. */
final class LogFileHandler extends StreamHandler {
    private LogFileHandler(FileOutputStream file) {
        setOutputStream(file);
    }

    /**
     * Opens a log file, which is created where it isn't there.
     *
     * @throws UsageException when another server writes to it
     * @throws IOException when it can't be opened
     */
    static LogFileHandler open(Path path) throws IOException {
        // Opened by name first: its exceptions tell why, which those of streams do not.
        if (!Files.exists(path)) {
            Files.createFile(path);
        }
        if (Files.isDirectory(path) || !Files.isWritable(path)) {
            Files.newOutputStream(path, StandardOpenOption.APPEND).close();
        }
        FileOutputStream file = new FileOutputStream(path.toFile(), true);
        if (Files.isRegularFile(path) && !isLocked(file.getChannel())) {
            file.close();
            throw new UsageException("--log-file=" + path
                    + " is already written by another server; give each server a log file of its own");
        }
        return new LogFileHandler(file);
    }

    /** Takes the lock, which lasts as long as the file is open. Where the file system has no locks, nobody can tell. */
    private static boolean isLocked(FileChannel channel) {
        try {
            @Nullable
            FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }

    @Override
    public synchronized void publish(LogRecord line) {
        super.publish(line);
        flush();
    }
}
