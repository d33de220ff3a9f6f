package dev.nereid.backend.pytorch;

import java.util.function.IntToLongFunction;

/**
 * Finds by trial how many threads an execution should use. More are not always faster: where OpenBLAS has nearly all of
 * the work, which it does on one thread, the others only cost the time to start them and to wait for them.
 */
final class ThreadTrial {
    private static final int ROUNDS = 3;
    /** Shorter executions hardly divide their work. */
    static final long SHORTEST_NANOS = 1_000_000;
    /** A trial that would take longer is left out. */
    static final long LONGEST_TRIAL_NANOS = 3_000_000_000L;
    /** What fewer threads must be faster by, so that a busy machine does not decide. */
    private static final double WORTH_IT = 0.9;

    private ThreadTrial() {
    }

    /**
     * Returns the fastest of {@code most}, half of them, and so on down to one. All take turns, and the best turn of each
     * counts.
     *
     * @param most what is used unless fewer are clearly faster
     * @param execution executes with that many threads and returns how long it took, in nanoseconds
     */
    static int fastest(int most, IntToLongFunction execution) {
        int count = 32 - Integer.numberOfLeadingZeros(most);
        long first = execution.applyAsLong(most);
        if (count == 1 || first < SHORTEST_NANOS || first > LONGEST_TRIAL_NANOS / ROUNDS / count) {
            return most;
        }
        long[] best = new long[count];
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < count; i++) {
                long nanos = execution.applyAsLong(most >> i);
                best[i] = round == 0 ? nanos : Math.min(best[i], nanos);
            }
        }
        int chosen = 0;
        for (int i = 1; i < count; i++) {
            if (best[i] < best[chosen] && best[i] < best[0] * WORTH_IT) {
                chosen = i;
            }
        }
        return most >> chosen;
    }
}
