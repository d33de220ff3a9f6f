package dev.nereid.engine.schedule;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.request.ActiveRequest;
import java.util.Optional;

/** Brings the requests of one model version to what answers them. Threads: any. */
public interface Scheduler {
    /**
     * Takes a request, whose listener gets the answers from any thread, possibly before this returns.
     *
     * @throws InferenceException UNAVAILABLE when the queue is full or the model is being unloaded, or another error that
     *     the request is refused with; its listener gets nothing then
     */
    void submit(ActiveRequest request);

    /** Drops a request that was cancelled where it still waits; one that is being executed is left to its backend. */
    void cancel(ActiveRequest request);

    /**
     * Returns whether a sequence of that id is under way, so that requests of it are taken that do not start it, also after
     * {@link #stop()} has been called.
     */
    default boolean hasSequence(CorrelationId id) {
        return false;
    }

    /** Starts no further sequences; everything else goes on. Ahead of {@link #stop()}, for a server that ends. */
    default void refuseSequences() {
    }

    /** Returns whether a sequence is under way. */
    default boolean hasSequences() {
        return false;
    }

    /** Returns how many requests wait. */
    int queueSize();

    /** Returns how many requests were taken and have not ended, or, where that is more, how many sequences run. */
    int inFlight();

    /**
     * Returns why waiting requests are not executed though nothing keeps them from it; empty where all is well. How long
     * an execution takes is the backend's affair.
     *
     * @param limitNanos how long requests may wait while an instance is free and none is handed out
     */
    Optional<String> stall(long limitNanos);

    /**
     * Refuses further requests, apart from those of sequences that are under way, and waits until all that were taken and
     * all sequences have ended. Further calls wait, too.
     */
    void stop();

    /**
     * Ends the requests whose execution has returned, but whose answer is still to come, and takes no further requests of
     * sequences; for when there is no more time to wait for either.
     */
    void endLate(InferenceException reason);
}
