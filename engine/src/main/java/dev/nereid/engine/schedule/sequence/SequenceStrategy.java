package dev.nereid.engine.schedule.sequence;

import org.jspecify.annotations.Nullable;

/** How the sequences of an instance share its executions. Used under the scheduler's lock. */
interface SequenceStrategy {
    /** Returns how many sequences an instance has at a time. */
    int slotsPerInstance();

    /** Returns whether plans may have an instance wait. */
    boolean delays();

    /** Notes that the next request of a sequence may be executed. */
    void ready(InstanceSlots slots, Sequence sequence);

    /** Returns what the instance is to execute now. */
    BatchPlan plan(InstanceSlots slots, long now, Fronts fronts);

    /** Notes that a plan is carried out. */
    void taken(InstanceSlots slots, BatchPlan plan);

    /** Gives what is in front of each sequence, after what may not be executed was dropped. */
    interface Fronts {
        /** Returns the sequence in a slot whose next request may be executed; null where there is none. */
        @Nullable
        Sequence inSlot(Slot slot);

        /** Drops the next request of a sequence, which is cancelled; the sequence goes on. */
        void dropNext(Sequence sequence);
    }
}
