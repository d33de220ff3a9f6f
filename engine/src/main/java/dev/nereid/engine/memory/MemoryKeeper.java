package dev.nereid.engine.memory;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Gives memory outside of the Java heap back to the system: buffers that requests have not needed for a while; once there
 * are no requests, what the C library has kept of the memory that backends have freed; and after loads, what only these
 * needed of native libraries. On a thread of its own, since the last two take milliseconds; {@link #tidy} runs there.
 */
public final class MemoryKeeper implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(MemoryKeeper.class.getName());
    private static final Duration PERIOD = Duration.ofSeconds(10);
    /** From so many bytes on it is worth to look for whole pages while requests are served. */
    private static final long WORTH_A_TRIM = 16L << 20;

    private final BufferPool pool;
    private final Runnable trim;
    private final Runnable releaseLibraries;
    private final ScheduledExecutorService timer;
    private long usesBefore = -1;
    private boolean isTrimmed = true;
    private volatile boolean hasLoaded;

    private MemoryKeeper(BufferPool pool, Runnable trim, Runnable releaseLibraries) {
        this.pool = pool;
        this.trim = trim;
        this.releaseLibraries = releaseLibraries;
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("nereid-memory").daemon(true).factory());
    }

    /** Starts the thread. */
    public static MemoryKeeper start(BufferPool pool) {
        MemoryKeeper keeper = create(pool, NativeHeap::trim, LibraryPages::release);
        var _ = keeper.timer.scheduleWithFixedDelay(keeper::tidyIfPossible, PERIOD.toMillis(), PERIOD.toMillis(),
                TimeUnit.MILLISECONDS);
        return keeper;
    }

    /** Creates one that does nothing by itself. */
    static MemoryKeeper create(BufferPool pool, Runnable trim, Runnable releaseLibraries) {
        return new MemoryKeeper(pool, trim, releaseLibraries);
    }

    /** Notes that a load has ended, which may have read libraries of a backend. Any thread. */
    public void noteLoad() {
        hasLoaded = true;
    }

    /** Does it as the timer does. */
    void tidyIfPossible() {
        try {
            tidy();
        } catch (RuntimeException | Error e) {
            // The timer would forget its task.
            LOGGER.log(Level.WARNING, "memory that is not needed any more can't be given back", e);
        }
    }

    /** Gives back what was not needed since the last call. */
    void tidy() {
        long kept = pool.freeUnused();
        long uses = pool.uses();
        boolean isQuiet = uses == usesBefore;
        usesBefore = uses;
        if (kept >= WORTH_A_TRIM || (isQuiet && (kept > 0 || !isTrimmed))) {
            trim.run();
        }
        isTrimmed = isQuiet;
        if (hasLoaded) {
            // Before, so that a load which ends meanwhile counts.
            hasLoaded = false;
            releaseLibraries.run();
        }
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
