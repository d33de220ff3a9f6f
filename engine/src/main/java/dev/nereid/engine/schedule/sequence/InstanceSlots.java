package dev.nereid.engine.schedule.sequence;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** The slots of one instance. Used under the scheduler's lock. */
final class InstanceSlots {
    private final int number;
    private final List<Slot> slots = new ArrayList<>();
    /** Sequences whose next request may be batched, in the order in which these came up; oldest strategy only. */
    final ArrayDeque<Sequence> candidates = new ArrayDeque<>();
    /** When a batch is due that is not yet. */
    long wakeAt = Sequence.NEVER;
    boolean isRetiring;
    int used;
    /** How many sequences have a next request that may be batched. */
    int offered;

    InstanceSlots(int number, int count) {
        this.number = number;
        for (int i = 0; i < count; i++) {
            slots.add(new Slot(this, i));
        }
    }

    int number() {
        return number;
    }

    List<Slot> slots() {
        return slots;
    }
}
