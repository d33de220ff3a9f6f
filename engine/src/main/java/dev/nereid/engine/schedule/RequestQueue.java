package dev.nereid.engine.schedule;

import dev.nereid.backend.api.CorrelationId;
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
     * Adds a request. Others that it pushes aside go to {@code drop}.
     *
     * @throws InferenceException UNAVAILABLE when the queue is full
     */
    void offer(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop);

    /**
     * Removes and returns the requests to execute now; empty when none should. Requests on the way that may not be
     * executed any more go to {@code drop} with their error.
     *
     * @param instance the free instance that is to execute them
     */
    List<ActiveRequest> poll(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop);

    /**
     * Returns whether {@link #poll} would return requests for that instance now. Those that may not be executed are dropped
     * as there.
     */
    boolean isDue(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop);

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

    /**
     * Returns whether requests belong to instances, so that one may have nothing to do while others have, and whether the
     * queue must hear of instances and of what they have executed. It then decides itself what it takes after
     * {@link #endArrivals()}, and what it refuses does not count as a failure.
     */
    default boolean bindsInstances() {
        return false;
    }

    /** Notes that an instance is put into service. */
    default void added(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
    }

    /** Notes that an instance is to be taken out of service. */
    default void retires(Instance instance) {
    }

    /** Returns whether something that arrives, or waits, may have to be executed by that instance. */
    default boolean needs(Instance instance) {
        return false;
    }

    /** Notes that a request has been executed and answered. */
    default void executed(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
    }

    /**
     * Returns whether requests may be executed again. {@link #mayBeExecutedAgain} is asked first, and
     * {@link #executedAgain} follows.
     */
    default boolean isIterative() {
        return false;
    }

    /**
     * Notes that a request which is being executed is to be executed again.
     *
     * @throws InferenceException where it may not be
     */
    default void mayBeExecutedAgain(ActiveRequest request, long now) {
    }

    /** Takes a request back that has been executed and is to be executed again. */
    default void executedAgain(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
    }

    /** Returns whether a request waits that the instance could execute. */
    default boolean hasWork(Instance instance) {
        return size() > 0;
    }

    /** Returns whether nothing waits, and nothing that arrives would be taken after {@link #endArrivals()}. */
    default boolean isFinished() {
        return size() == 0;
    }

    /** Returns whether requests of that sequence are taken that do not start it. */
    default boolean isOpen(CorrelationId sequence) {
        return false;
    }

    /** Starts no further sequences; requests of those that run are taken on. */
    default void refuseSequences() {
    }

    /** Takes nothing any more, also of sequences that run, which end with what they have sent. */
    default void endSequences(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
    }

    /** Returns how many of the requests that wait belong to no instance yet, though they will. */
    default int backlog() {
        return 0;
    }

    /** Returns how many things beside requests are under way. */
    default int running() {
        return 0;
    }

    /** Returns what is to be logged since the last call. */
    default List<String> takeWarnings() {
        return List.of();
    }
}
