package dev.nereid.engine.schedule.sequence;

import org.jspecify.annotations.Nullable;

/** A place for one sequence on an instance. Used under the scheduler's lock. */
final class Slot {
    final InstanceSlots slots;
    final int number;
    @Nullable
    Sequence sequence;

    Slot(InstanceSlots slots, int number) {
        this.slots = slots;
        this.number = number;
    }

    /** The first rows of all instances come before any second one. */
    static int compare(Slot a, Slot b) {
        int byNumber = Integer.compare(a.number, b.number);
        return byNumber != 0 ? byNumber : Integer.compare(a.slots.number(), b.slots.number());
    }
}
