package dev.nereid.engine.stats;

import org.jspecify.annotations.Nullable;

/**
 * What a request went through: its times, in nanoseconds of the engine's monotonic clock, its counts and its outcome.
 * Filled in by the request on its way; statistics, metrics and traces read it once the request has its answer.
 */
public interface RequestRecord {
    /** Returns the rows of the request; 1 where the model does not batch. */
    int batchSize();

    /** Returns when the engine took the request. */
    long startNanos();

    /** Returns when the request was put into the queue. */
    long queuedNanos();

    /** Returns when the backend sent the first response; 0 where it did not. */
    long firstResponseNanos();

    /** Returns how many responses the backend has sent, without an end that was none. */
    int responseCount();

    /** Returns why the request failed; null where it succeeded. */
    @Nullable
    FailureReason failure();
}
