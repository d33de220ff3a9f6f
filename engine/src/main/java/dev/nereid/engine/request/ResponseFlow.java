package dev.nereid.engine.request;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Counts and times the responses of one request to a decoupled model, and bounds what those occupy which its receiver has
 * not closed yet. Threads: the one that answers; {@link #closed} any.
 */
final class ResponseFlow {
    private final ModelStatistics statistics;
    private final long maxWaitingBytes;
    private final AtomicLong waitingBytes = new AtomicLong();
    private long firstNanos;
    private long lastNanos;
    private int count;

    ResponseFlow(ModelIo io) {
        this.statistics = io.statistics();
        this.maxWaitingBytes = io.maxWaitingBytes();
    }

    /** Notes that the request is being executed from now on. */
    void starts(long nanos) {
        lastNanos = nanos;
    }

    /**
     * Counts a response.
     *
     * @param bytes what it occupies until it is closed
     * @return the error that the request ends with, since its receiver is too slow; null where it is not
     */
    @Nullable
    InferenceException sent(PendingResponse response, long now, long bytes) {
        if (count == 0) {
            firstNanos = now;
        }
        long begun = response.begunNanos() == 0 ? now : response.begunNanos();
        statistics.recordResponse(count, begun - lastNanos, now - begun);
        lastNanos = now;
        count++;
        long sum = waitingBytes.addAndGet(bytes);
        // One response may always wait.
        if (sum <= maxWaitingBytes || sum <= bytes) {
            return null;
        }
        return new InferenceException(StatusCode.UNAVAILABLE,
                "the responses to the request were read too slowly: " + sum
                        + " bytes wait to be read, " + maxWaitingBytes
                        + " may; read faster, or have the model answer with less");
    }

    /** Notes that the receiver has closed a response. */
    void closed(long bytes) {
        waitingBytes.addAndGet(-bytes);
    }

    /** Counts an end that is no response; {@code failure} is null where the request succeeded. */
    void ended(@Nullable FailureReason failure, long now) {
        statistics.recordLastResponse(count, failure, Math.max(0, now - (lastNanos == 0 ? now : lastNanos)));
    }

    /** Returns when the first response was sent; 0 where none was. */
    long firstNanos() {
        return firstNanos;
    }

    /** Returns how many responses were sent. */
    int count() {
        return count;
    }
}
