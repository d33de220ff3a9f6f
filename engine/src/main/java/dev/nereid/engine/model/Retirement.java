package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.NativeHeap;
import dev.nereid.engine.model.ModelCatalog.Version;
import dev.nereid.repository.location.HeldDirectory;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Drains versions that serve no longer, and closes them, on threads of its own. Threads: any.
 *
 * <p>What is queued or being executed is waited for; requests that their backend answers later, and
 * sequences, have a limit.
 */
final class Retirement {
    private static final Logger LOGGER = System.getLogger(Retirement.class.getName());
    private static final Duration GRACE = Duration.ofSeconds(1);

    private final ModelCatalog catalog;
    private final Duration unloadTimeout;
    private final ExecutorService threads = Executors.newCachedThreadPool(
            Thread.ofPlatform().name("nereid-unload-", 0).daemon(true).factory());
    /** Versions that wait for their last requests or close. */
    private final Set<ServedVersion> closing = ConcurrentHashMap.newKeySet();

    /**
     * Creates it.
     *
     * @param unloadTimeout how long versions wait for requests that their backend answers later, and for sequences
     */
    Retirement(ModelCatalog catalog, Duration unloadTimeout) {
        this.catalog = catalog;
        this.unloadTimeout = unloadTimeout;
    }

    /**
     * Drains and closes versions of a model, which serve no longer. Returns what counts down when that is done.
     *
     * @param directory files that they use, to be closed after them; null for none
     */
    CountDownLatch retire(String name, List<ServedVersion> versions,
            @Nullable HeldDirectory directory) {
        CountDownLatch closed = new CountDownLatch(1);
        closing.addAll(versions);
        versions.forEach(ServedVersion::leave);
        run(() -> {
            try {
                for (ServedVersion version : versions) {
                    close(version);
                    catalog.updateKnown(name, old -> old.with(old.find(version.version())
                            .filter(found -> found.state() == VersionState.UNLOADING)
                            .map(found -> List.of(Version.unloaded(found.number())))
                            .orElse(List.of())));
                    LOGGER.log(Level.INFO,
                            () -> "successfully unloaded '" + name + "' version " + version.version());
                }
                if (directory != null) {
                    directory.close();
                }
                if (!versions.isEmpty()) {
                    NativeHeap.trim();
                }
            } finally {
                closed.countDown();
            }
        });
        return closed;
    }

    private void close(ServedVersion version) {
        Thread reminder = after(unloadTimeout,
                () -> version.endLate(InferenceException.unavailable("model '" + version.name()
                        + "' is being unloaded, and did not answer the request within " + unloadTimeout.toSeconds()
                        + " s")));
        try {
            version.close();
        } finally {
            reminder.interrupt();
            closing.remove(version);
            catalog.left(version);
        }
    }

    /** Waits for an idle model to be gone, so that a client which asks next sees it gone. */
    static void await(CountDownLatch closed) {
        try {
            boolean ignored = closed.await(GRACE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends the requests to versions that are being closed which their backends have yet to answer. */
    void endLate(InferenceException reason) {
        closing.forEach(version -> version.endLate(reason));
    }

    /** Takes nothing more, and waits until that moment for what was taken. Returns whether all of it ended in time. */
    boolean awaitEnd(long deadlineNanos) throws InterruptedException {
        threads.shutdown();
        return threads.awaitTermination(Math.max(0, deadlineNanos - System.nanoTime()), TimeUnit.NANOSECONDS);
    }

    void close() {
        threads.shutdown();
    }

    /** Returns a thread that does something then, unless it is interrupted before. */
    static Thread after(Duration delay, Runnable action) {
        return Thread.ofVirtual().name("nereid-end-late").start(() -> {
            try {
                Thread.sleep(delay);
            } catch (InterruptedException e) {
                return;
            }
            action.run();
        });
    }

    /** Does something in the background, such as to wait for executions. */
    void run(Runnable task) {
        try {
            threads.execute(task);
        } catch (RejectedExecutionException e) {
            // The last unload of a server that ends.
            task.run();
        }
    }
}
