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
    private final boolean isStreaming;
    private final Recorder firsts = new Recorder(DIGITS);
    private final Recorder betweens = new Recorder(DIGITS);
    private final LongAdder responses = new LongAdder();
    private final LongAdder successes = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private final AtomicInteger failuresInARow = new AtomicInteger();
    private final AtomicReference<@Nullable String> firstFailure = new AtomicReference<>();
    private long failuresBefore;
    private long responsesBefore;

    /** Creates a recorder of requests that have one response. */
    LoadRecorder() {
        this(false);
    }

    /** Creates a recorder; {@code isStreaming} tells whether requests may have several responses. */
    LoadRecorder(boolean isStreaming) {
        this.isStreaming = isStreaming;
    }

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

    /** Records the responses to a request that was due at that time. */
    void responses(ResponseTimes times, long due) {
        if (!isStreaming || times.count() == 0) {
            return;
        }
        firsts.recordValue(Math.max(0, times.arrival(0) - due));
        for (int i = 1; i < times.count(); i++) {
            betweens.recordValue(Math.max(0, times.arrival(i) - times.arrival(i - 1)));
        }
        responses.add(times.count());
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
        long responsesNow = responses.sum();
        Optional<StreamTimes> streams = isStreaming
                ? Optional.of(new StreamTimes(firsts.getIntervalHistogram(), betweens.getIntervalHistogram(),
                        responsesNow - responsesBefore))
                : Optional.empty();
        Window window = new Window(durationNanos, latencies.getIntervalHistogram(), delays.getIntervalHistogram(),
                failuresNow - failuresBefore, serverTimes, streams);
        failuresBefore = failuresNow;
        responsesBefore = responsesNow;
        return window;
    }
}
