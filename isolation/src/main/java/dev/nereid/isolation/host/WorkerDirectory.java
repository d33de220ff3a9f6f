package dev.nereid.isolation.host;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The directory of a server for the socket and the crash reports of its worker processes, which only this user can enter.
 * The server holds a lock on a file in it, so that later ones can tell the directories of those that were killed, and remove
 * them. Threads: any.
 */
final class WorkerDirectory implements AutoCloseable {
    /** How long the crash reports of a server are kept that is gone. */
    static final Duration KEPT = Duration.ofDays(7);
    private static final Logger LOGGER = System.getLogger(WorkerDirectory.class.getName());
    private static final String PREFIX = "nereid-workers-";
    private static final String OWNER = "owner";
    private static final String REPORT = "crash-";
    private static final int KEPT_REPORTS = 20;
    /** Those of this process: to close a file unlocks it for all of the process. */
    private static final Set<Path> OPEN = ConcurrentHashMap.newKeySet();

    private final Path path;
    private final FileChannel owner;
    private final AtomicInteger reports = new AtomicInteger();

    private WorkerDirectory(Path path, FileChannel owner) {
        this.path = path;
        this.owner = owner;
    }

    /** Makes one in a directory for temporary files, and removes those of servers that are gone. */
    static WorkerDirectory create(Path parent) throws IOException {
        // The JDK makes it so that nobody else can enter it.
        Path path = Files.createTempDirectory(parent, PREFIX);
        OPEN.add(path);
        try {
            WorkerDirectory created = new WorkerDirectory(path, lock(path));
            removeStale(parent, Files.getOwner(path));
            return created;
        } catch (IOException | RuntimeException | Error e) {
            OPEN.remove(path);
            throw e;
        }
    }

    @SuppressWarnings("MustBeClosedChecker") // the caller closes it
    private static FileChannel lock(Path path) throws IOException {
        Path unlocked = path.resolve(OWNER + ".new");
        FileChannel owner = FileChannel.open(unlocked, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try {
            FileLock ignored = owner.lock();
            // Nobody finds it unlocked.
            Files.move(unlocked, path.resolve(OWNER), StandardCopyOption.ATOMIC_MOVE);
            return owner;
        } catch (IOException | RuntimeException | Error e) {
            owner.close();
            throw e;
        }
    }

    Path path() {
        return path;
    }

    /** Returns where the JVM of the next process is to write what it crashed with, and deletes the oldest of the reports. */
    Path nextReport() {
        int number = reports.incrementAndGet();
        try {
            // Of a model that crashes again and again the last ones say enough.
            boolean ignored = Files.deleteIfExists(report(number - KEPT_REPORTS));
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "a crash report in '" + path + "' can't be deleted: " + e);
        }
        return report(number);
    }

    private Path report(int number) {
        return path.resolve(REPORT + number + ".log");
    }

    /** Removes it; crash reports remain, for whoever reads the log may look for them. */
    @Override
    public void close() {
        remove(path);
        try {
            owner.close();
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "the lock of '" + path + "' can't be closed: " + e);
        }
        OPEN.remove(path);
    }

    private static void removeStale(Path parent, UserPrincipal user) {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(parent, PREFIX + "*")) {
            for (Path each : all) {
                if (!OPEN.contains(each) && isOwn(each, user)) {
                    removeIfLeft(each);
                }
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException e) {
            LOGGER.log(Level.DEBUG, () -> "'" + parent + "' can't be looked at for what earlier servers left: " + e);
        }
    }

    /** Returns whether it is a directory of this user that nobody else can enter, and no link to one. */
    private static boolean isOwn(Path path, UserPrincipal user) throws IOException {
        try {
            PosixFileAttributes attributes = Files.readAttributes(path, PosixFileAttributes.class,
                    LinkOption.NOFOLLOW_LINKS);
            return attributes.isDirectory() && attributes.owner().equals(user)
                    && attributes.permissions().equals(PosixFilePermissions.fromString("rwx------"));
        } catch (java.nio.file.NoSuchFileException e) {
            return false;
        }
    }

    private static void removeIfLeft(Path path) {
        try (FileChannel owner = FileChannel.open(path.resolve(OWNER), StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
                FileLock lock = owner.tryLock()) {
            if (lock != null) {
                remove(path);
            }
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "'" + path + "' is left as it is: " + e);
        }
    }

    /** Deletes what is in it and no longer needed, and itself where nothing is left. */
    private static void remove(Path path) {
        try {
            List<Path> files = new ArrayList<>();
            boolean hasReports = false;
            try (DirectoryStream<Path> all = Files.newDirectoryStream(path)) {
                for (Path file : all) {
                    if (isRecentReport(file)) {
                        hasReports = true;
                    } else if (!file.endsWith(OWNER)) {
                        files.add(file);
                    }
                }
            }
            for (Path file : files) {
                Files.delete(file);
            }
            if (!hasReports) {
                Files.deleteIfExists(path.resolve(OWNER));
                Files.delete(path);
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException e) {
            LOGGER.log(Level.DEBUG, () -> "'" + path + "' can't be removed: " + e);
        }
    }

    private static boolean isRecentReport(Path file) throws IOException {
        return file.getFileName().toString().startsWith(REPORT)
                && Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).lastModifiedTime()
                        .toInstant().isAfter(Instant.now().minus(KEPT));
    }
}
