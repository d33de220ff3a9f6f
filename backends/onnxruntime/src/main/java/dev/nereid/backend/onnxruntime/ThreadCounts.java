package dev.nereid.backend.onnxruntime;

import java.util.OptionalInt;

/** How many threads the CPU instances of a model have within operators. */
final class ThreadCounts {
    private ThreadCounts() {
    }

    /** Returns the threads of each instance: those that are configured, else its share of the cores. */
    static int each(OptionalInt configured, int cores, int instances) {
        return configured.orElse(Math.max(1, cores / instances));
    }

    /**
     * Returns the threads of the session that all instances share. The thread that executes is one of them, so that each
     * instance adds what it needs beyond that.
     */
    static int together(int each, int instances) {
        return 1 + instances * (each - 1);
    }
}
