package dev.nereid.engine.model;

import com.google.errorprone.annotations.concurrent.GuardedBy;

/** Who uses a version that may be closed only afterwards. Threads: any; its monitor is held for moments only. */
final class Usage {
    @GuardedBy("this")
    private int count;
    @GuardedBy("this")
    private boolean isClosed;
    private volatile boolean isLeaving;

    /** Begins a use. Returns false, and begins none, after {@link #close}. */
    synchronized boolean begin() {
        if (isClosed) {
            return false;
        }
        count++;
        return true;
    }

    /** Notes that the version serves nothing any more but the sequences that it has. */
    void leave() {
        isLeaving = true;
    }

    /** Returns whether the version serves nothing any more but the sequences that it has. */
    boolean isLeaving() {
        return isLeaving;
    }

    /** Ends a use. */
    synchronized void end() {
        count--;
        if (count == 0) {
            notifyAll();
        }
    }

    /** Refuses further uses and waits until there are none. */
    synchronized void close() {
        isClosed = true;
        boolean interrupted = false;
        while (count > 0) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
