package dev.nereid.engine.schedule.sequence;

import org.jspecify.annotations.Nullable;

/**
 * Sequences in the order of their last use: a list whose links are in the sequences, since each request moves one to its
 * end. Used under the scheduler's lock.
 */
final class UseOrder {
    private @Nullable Sequence first;
    private @Nullable Sequence last;

    /** Returns the sequence that was used last longest ago; null for none. */
    @Nullable
    Sequence first() {
        return first;
    }

    /** Adds a sequence that is not in the list, as the one used last. */
    void add(Sequence sequence) {
        sequence.isInUseOrder = true;
        sequence.usedBefore = last;
        if (last == null) {
            first = sequence;
        } else {
            last.usedAfter = sequence;
        }
        last = sequence;
    }

    /** Moves a sequence to the end; does nothing where it is not in the list. */
    void used(Sequence sequence) {
        if (sequence.usedAfter != null) {
            remove(sequence);
            add(sequence);
        }
    }

    /** Removes a sequence; does nothing where it is not in the list. */
    void remove(Sequence sequence) {
        if (!sequence.isInUseOrder) {
            return;
        }
        Sequence before = sequence.usedBefore;
        Sequence after = sequence.usedAfter;
        if (before == null) {
            first = after;
        } else {
            before.usedAfter = after;
        }
        if (after == null) {
            last = before;
        } else {
            after.usedBefore = before;
        }
        sequence.isInUseOrder = false;
        sequence.usedBefore = null;
        sequence.usedAfter = null;
    }
}
