package dev.nereid.tools.perf;

/**
 * Where a request stands in a sequence.
 *
 * @param id the sequence's id; 0 where the request belongs to none
 * @param isStart whether the request is the first
 * @param isEnd whether it is the last
 */
record SequencePlace(long id, boolean isStart, boolean isEnd) {
    /** Of a request that belongs to no sequence. */
    static final SequencePlace NONE = new SequencePlace(0, false, false);

    /** Returns whether the request belongs to a sequence. */
    boolean isSequence() {
        return id != 0;
    }
}
