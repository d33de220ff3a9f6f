package dev.nereid.backend.api.testkit;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** Waits in tests for what other threads or processes do. For any number of threads. */
public final class Eventually {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long PAUSE_NANOS = 100_000;

    private Eventually() {
    }

    /** Something that comes true. */
    @FunctionalInterface
    public interface Condition<E extends Exception> {
        /** Returns whether it is true now. */
        boolean holds() throws E;
    }

    /**
     * Waits until the condition holds.
     *
     * @param what the condition in words, as in "the request waits"
     * @param condition is asked again and again, on the calling thread
     * @throws AssertionError when it does not hold after a minute, or the thread is interrupted
     * @throws E what the condition throws
     */
    public static <E extends Exception> void until(String what, Condition<E> condition) throws E {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.holds()) {
            if (Thread.currentThread().isInterrupted()) {
                throw new AssertionError("interrupted while waiting until " + what);
            }
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("waited for " + PATIENCE.toSeconds() + " seconds until " + what);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }
}
