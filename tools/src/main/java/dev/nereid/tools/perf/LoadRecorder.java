package dev.nereid.tools.perf;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.Recorder;
import org.jspecify.annotations.Nullable;

/**
 * Takes in what the requests of a load took. Any thread records, without locks; one thread takes the windows out.
 * Latencies are kept to three digits.
 */
final class LoadRecorder {
    private static final int DIGITS = 3;

    private final Recorder latencies = new Recorder(DIGITS);
    private final Recorder delays = new Recorder(DIGITS);
    private final LongAdder successes = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private final AtomicInteger failuresInARow = new AtomicInteger();
    private final AtomicReference<@Nullable String> firstFailure = new AtomicReference<>();
    private long failuresBefore;

    /**
     * Records a request that was answered as it should be.
     *
     * @param latencyNanos from when it was due until its answer was there
     * @param delayNanos from when it was due until it was sent
     */
    void success(long latencyNanos, long delayNanos) {
        latencies.recordValue(Math.max(0, latencyNanos));
        delays.recordValue(Math.max(0, delayNanos));
        successes.increment();
        if (failuresInARow.get() != 0) {
            failuresInARow.set(0);
        }
    }

    /** Records a request that was not. */
    void failure(String text) {
        failures.increment();
        failuresInARow.incrementAndGet();
        firstFailure.compareAndSet(null, text);
    }

    /** Returns the number of requests that have been answered, well or not. */
    long answered() {
        return successes.sum() + failures.sum();
    }

    /** Returns how many requests have failed since the last one that did not. */
    int failuresInARow() {
        return failuresInARow.get();
    }

    /** Returns what was wrong with the first request that failed. */
    Optional<String> firstFailure() {
        return Optional.ofNullable(firstFailure.get());
    }

    /** Returns what was recorded since the last call, and begins anew. */
    Window take(long durationNanos, ServerTimes serverTimes) {
        long failuresNow = failures.sum();
        Window window = new Window(durationNanos, latencies.getIntervalHistogram(), delays.getIntervalHistogram(),
                failuresNow - failuresBefore, serverTimes);
        failuresBefore = failuresNow;
        return window;
    }
}
