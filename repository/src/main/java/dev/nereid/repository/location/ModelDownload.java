package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Fetches files of one model, several parts at the same time, on virtual threads. The first part that fails for good ends
 * the others. A part that broke off goes on where it was.
 */
final class ModelDownload {
    private static final Logger LOGGER = System.getLogger(ModelDownload.class.getName());
    /** What is larger is fetched in parts of this size. */
    static final int PART = 8 << 20;
    private static final int CHUNK = 64 << 10;
    private static final int ENOUGH_TO_TRY_ON = CHUNK;

    private final String model;
    private final ObjectStore store;
    private final Retries retries;
    private final Semaphore connections;
    private final FileOpener files;
    private final Progress progress;
    private volatile @Nullable ExecutorService threads;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean isAborted;

    /** Opens files for writing at any position. */
    interface FileOpener {
        /** Opens a file, which is made where it is not there. */
        PartFile open(Path file) throws IOException;
    }

    /** A file that is being written. */
    interface PartFile extends AutoCloseable {
        void write(byte[] bytes, int length, long position) throws IOException;

        /** Brings what was written to the disk. */
        void force() throws IOException;

        @Override
        void close() throws IOException;
    }

    /**
     * Creates it.
     *
     * @param connections how many parts may be under way at the same time, of all models
     */
    ModelDownload(String model, ObjectStore store, Retries retries, Semaphore connections, FileOpener files,
            Progress progress) {
        this.model = model;
        this.store = store;
        this.retries = retries;
        this.connections = connections;
        this.files = files;
        this.progress = progress;
    }

    /**
     * Fetches files, and returns when all are on the disk.
     *
     * @param missing objects by the file that each becomes; its directory is there
     * @throws StorageException what the storage says
     * @throws InferenceException what the local disk says
     */
    void run(Map<Path, StoredObject> missing) {
        ExecutorService parts = Executors
                .newThreadPerTaskExecutor(Thread.ofVirtual().name("nereid-fetch-", 0).factory());
        threads = parts;
        // Ends when all parts have.
        try (parts) {
            missing.forEach((file, object) -> {
                for (long from = 0; from == 0 || from < object.size(); from += PART) {
                    long start = from;
                    parts.execute(() -> fetchOrFail(file, object, start));
                }
            });
        } catch (RejectedExecutionException e) {
            LOGGER.log(Level.DEBUG, "a part failed before the last was begun", e);
        }
        checkAllCame();
    }

    private void checkAllCame() {
        Throwable first = failure.get();
        if (first instanceof RuntimeException told) {
            throw told;
        }
        if (first != null) {
            LOGGER.log(Level.ERROR, "model '" + model + "' can't be fetched", first);
            throw new InferenceException(StatusCode.INTERNAL, "model '" + model
                    + "' can't be fetched: the client of the storage failed, the server's log tells how", first);
        }
        if (isAborted) {
            throw Retries.stopping();
        }
    }

    /** Ends the download, which fails. */
    void abort() {
        isAborted = true;
        ExecutorService running = threads;
        if (running != null) {
            List<Runnable> ignored = running.shutdownNow();
        }
    }

    private void fetchOrFail(Path file, StoredObject object, long start) {
        try {
            fetch(file, object, start);
        } catch (Throwable e) {
            // Errors, too: what did not come must not be taken for what did.
            if (failure.compareAndSet(null, e)) {
                abort();
            }
        }
    }

    /** Fetches the part of an object that starts there. */
    private void fetch(Path file, StoredObject object, long start) {
        try {
            connections.acquire();
        } catch (InterruptedException e) {
            throw Retries.stopping();
        }
        try (PartFile out = files.open(file)) {
            long end = Math.min(object.size(), start + PART);
            long position = start;
            int failures = 0;
            while (position < end) {
                long before = position;
                Received received = receive(object, out, position, end);
                position = received.position();
                if (received.failure() != null) {
                    failures = position - before >= ENOUGH_TO_TRY_ON ? 1 : failures + 1;
                    retries.pause("object " + named(object), failures, received.failure());
                }
            }
            out.force();
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INTERNAL, "file '" + Printable.escape(object.key()) + "' of model '"
                    + model + "' can't be written to the model cache: " + FileFailures.reason(e), e);
        } finally {
            connections.release();
        }
    }

    /** How far a part has come, and why no farther. */
    private record Received(long position, @Nullable StorageException failure) {
    }

    /** Reads until the end of the part, or until something fails that the storage is to blame for. */
    private Received receive(StoredObject object, PartFile out, long from, long end) throws IOException {
        if (isAborted || retries.isClosed()) {
            throw Retries.stopping();
        }
        byte[] chunk = new byte[CHUNK];
        long position = from;
        InputStream in;
        try {
            in = store.read(model, object, from, end - from);
        } catch (StorageException e) {
            return new Received(position, named(object, e));
        } catch (IOException | RuntimeException e) {
            return new Received(position, brokeOff(object, position, e));
        }
        try {
            while (position < end) {
                int read;
                try {
                    read = in.read(chunk, 0, (int) Math.min(chunk.length, end - position));
                } catch (StorageException e) {
                    return new Received(position, named(object, e));
                } catch (IOException | RuntimeException e) {
                    return new Received(position, brokeOff(object, position, e));
                }
                if (isAborted) {
                    throw Retries.stopping();
                }
                if (read <= 0) {
                    return new Received(position, new StorageException(Kind.UNAVAILABLE, "object " + named(object)
                            + " ended after " + position + " bytes, its listing says " + object.size()));
                }
                out.write(chunk, read, position);
                position += read;
                progress.add(read);
            }
            // Each part is read to its end, or its connection could not be used for the next.
            StorageException more = tooLong(object, in);
            return new Received(position, end == object.size() ? more : null);
        } finally {
            close(in);
        }
    }

    /** Where more comes than was listed, size or content is wrong. */
    private @Nullable StorageException tooLong(StoredObject object, InputStream in) {
        try {
            return in.read() < 0
                    ? null
                    : new StorageException(Kind.CHANGED, "object " + named(object) + " is longer than the "
                            + object.size() + " bytes of its listing");
        } catch (IOException | RuntimeException e) {
            // All that was asked for is here.
            return null;
        }
    }

    private StorageException brokeOff(StoredObject object, long position, Exception e) {
        String reason = e.getMessage() == null ? e.getClass().getSimpleName() : String.valueOf(e.getMessage());
        return new StorageException(Kind.UNAVAILABLE, "object " + named(object) + " broke off after " + position
                + " of " + object.size() + " bytes: " + reason, e);
    }

    private StorageException named(StoredObject object, StorageException e) {
        return new StorageException(e.kind(), "object " + named(object) + ": " + e.getMessage(), e);
    }

    private String named(StoredObject object) {
        return "'" + Printable.escape(model + "/" + object.key()) + "'";
    }

    /** Closes a stream of a plugin's; what that throws means nothing to what was read. */
    private static void close(InputStream in) {
        try {
            in.close();
        } catch (IOException | RuntimeException e) {
            LOGGER.log(Level.DEBUG, "closing a download", e);
        }
    }
}
