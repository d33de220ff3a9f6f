package dev.nereid.isolation.host;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Optional;

/** Divides the cores that the server may use among its workers, those included that wait to be started again. Threads: any. */
final class ThreadBudget {
    private final int cores;
    @GuardedBy("this")
    private int sharing;
    /** Cores of workers that were given a number of their own. */
    @GuardedBy("this")
    private int fixed;

    ThreadBudget(int cores) {
        this.cores = cores;
    }

    /** Counts a worker from now on, with the number of cores it was given, or for a share. */
    synchronized void enter(Optional<Integer> threads) {
        add(threads, 1);
    }

    /** Counts a worker no longer. */
    synchronized void leave(Optional<Integer> threads) {
        add(threads, -1);
    }

    @GuardedBy("this")
    private void add(Optional<Integer> threads, int sign) {
        if (threads.isPresent()) {
            fixed += sign * threads.get();
        } else {
            sharing += sign;
        }
    }

    /** Returns the share of each worker without a number of its own; at least one core. */
    synchronized int share() {
        return Math.max(1, (cores - fixed) / Math.max(1, sharing));
    }
}
