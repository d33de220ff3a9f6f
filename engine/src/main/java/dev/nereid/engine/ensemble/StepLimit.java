package dev.nereid.engine.ensemble;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Bounds how many requests of one step are in flight, over all requests of the ensemble. What is over the bound waits in
 * the order of its arrival, and no thread with it. Threads: any; its monitor is held for moments only.
 */
final class StepLimit {
    private final int limit;
    @GuardedBy("this")
    private int taken;
    @GuardedBy("this")
    private final ArrayDeque<StepRun> waiting = new ArrayDeque<>();
    @GuardedBy("this")
    private boolean isHandingOut;

    /** Creates a bound; 0 for none. */
    StepLimit(int limit) {
        this.limit = limit;
    }

    boolean isOn() {
        return limit > 0;
    }

    /** Returns whether a step may start now; otherwise it is told later. */
    synchronized boolean enter(StepRun run) {
        if (limit == 0) {
            return true;
        }
        if (taken < limit && waiting.isEmpty()) {
            taken++;
            return true;
        }
        waiting.add(run);
        return false;
    }

    /**
     * Says that a step that had entered has ended. Who comes first hands out what others give back meanwhile, so that steps
     * that fail at once don't start each other in ever deeper calls.
     */
    void leave() {
        synchronized (this) {
            if (limit == 0) {
                return;
            }
            taken--;
            if (isHandingOut) {
                return;
            }
            isHandingOut = true;
        }
        for (StepRun next = next(); next != null; next = next()) {
            next.mayStart();
        }
    }

    private synchronized @Nullable StepRun next() {
        StepRun next = taken < limit ? waiting.poll() : null;
        if (next == null) {
            isHandingOut = false;
        } else {
            taken++;
        }
        return next;
    }

    /** Takes a step out that still waits. Returns false where it has entered. */
    synchronized boolean giveUp(StepRun run) {
        return waiting.remove(run);
    }
}
