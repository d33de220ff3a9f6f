package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A sequence that has a slot, or waits for one. Used under the scheduler's lock. */
final class Sequence {
    static final long NEVER = Long.MAX_VALUE;

    final CorrelationId id;
    /** Tells ties of time apart. */
    final long number;
    final List<Tensor> ids;
    final SequenceState state;
    final ArrayDeque<ActiveRequest> waiting = new ArrayDeque<>();
    /** Null in the backlog, and when the last request has been handed out. */
    @Nullable
    Slot slot;
    /** Whether requests with its id join it. */
    boolean isOpen = true;
    /** Whether its next request is one that its instance may execute. */
    boolean isOffered;
    /** The request that is being executed, or that its backend is to answer later. */
    @Nullable
    ActiveRequest executing;
    /** When the last request arrived, or when it got its slot. */
    long lastUse;
    /** When it has waited too long for a slot. */
    long expiry = NEVER;
    /** The links of {@link UseOrder}. */
    boolean isInUseOrder;
    @Nullable
    Sequence usedBefore;
    @Nullable
    Sequence usedAfter;

    Sequence(CorrelationId id, long number, List<Tensor> ids, SequenceState state) {
        this.id = id;
        this.number = number;
        this.ids = ids;
        this.state = state;
    }

    /** Returns the request that is next; null where there is none, or another is being executed. */
    @Nullable
    ActiveRequest next() {
        return executing == null ? waiting.peekFirst() : null;
    }

    /** Returns whether nothing will come of it any more. */
    boolean isOver() {
        return !isOpen && waiting.isEmpty();
    }
}
