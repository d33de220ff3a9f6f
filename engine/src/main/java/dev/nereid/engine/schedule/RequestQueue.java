package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * Decides in which order requests leave and which of them together. Used under the scheduler's lock only; decides by
 * the time it is given, never by a clock.
 */
interface RequestQueue {
    /** Stands for no time at all. */
    long NEVER = Long.MAX_VALUE;

    /**
     * Adds a request.
     *
     * @throws InferenceException UNAVAILABLE when the queue is full
     */
    void offer(ActiveRequest request, long now);

    /**
     * Removes and returns the requests to execute now; empty when none should. Requests on the way that may not be
     * executed any more go to {@code drop} with their error.
     *
     * @param instance the free instance that is to execute them
     */
    List<ActiveRequest> poll(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop);

    /** Returns whether {@link #poll} would return requests now. Those that may not be executed are dropped as there. */
    boolean isDue(long now, BiConsumer<ActiveRequest, InferenceException> drop);

    /**
     * Removes requests that may not wait any longer, and those whose clients have gone, giving each to {@code drop}
     * with its error.
     */
    void expire(long now, BiConsumer<ActiveRequest, InferenceException> drop);

    /**
     * Returns the time at which {@link #expire} would do more than now, or {@link #poll} where that may be called;
     * {@link #NEVER} for none. Without a free instance nobody can act on a batch that is due.
     */
    long nextEvent(boolean mayPoll);

    /** Says that nothing more will arrive, so that waiting for more to execute together is pointless. */
    void endArrivals();

    /** Removes and returns everything, to be turned away. */
    List<ActiveRequest> drain();

    /** Returns how many requests wait. */
    int size();
}
