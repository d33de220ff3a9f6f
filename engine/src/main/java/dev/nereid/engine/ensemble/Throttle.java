package dev.nereid.engine.ensemble;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Holds up what answers for a decoupled step of a request while the request waits for room in the steps behind it, so that
 * answers don't pile up before them. Threads: any; its monitor is held for moments only, and given up while it waits.
 */
final class Throttle {
    private static final Logger LOGGER = System.getLogger(Throttle.class.getName());
    /** Nobody is told when the answers are no longer wanted, so it is looked at. */
    private static final long LOOK_MILLIS = 50;
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(300);

    private final LongSupplier clock;
    @GuardedBy("this")
    private int waiting;

    /** Creates one for which nothing waits; {@code clock} counts nanoseconds. */
    Throttle(LongSupplier clock) {
        this.clock = clock;
    }

    /** Notes that something waits: a step for room, or a response for its steps to be started. */
    synchronized void waits() {
        waiting++;
    }

    /** Notes that it does no longer. */
    synchronized void goesOn() {
        waiting--;
        notifyAll();
    }

    private synchronized boolean isHolding() {
        return waiting > 0;
    }

    /**
     * Blocks the thread that has just answered while steps wait, for five minutes at most.
     *
     * @param model whose thread it is
     * @param isUnwanted tells whether nobody waits for its answers any more
     */
    void hold(String model, BooleanSupplier isUnwanted) {
        long deadline = clock.getAsLong() + LIMIT_NANOS;
        while (isHolding() && !isUnwanted.getAsBoolean()) {
            if (clock.getAsLong() - deadline > 0) {
                LOGGER.log(Level.WARNING, () -> "model '" + model
                        + "' was held up for 300 s, since the steps behind it in "
                        + "an ensemble have as many requests in flight as max_inflight_requests allows; it goes on");
                return;
            }
            if (!pause()) {
                return;
            }
        }
    }

    /** Returns false where the thread was interrupted: its backend wants it back. */
    private synchronized boolean pause() {
        try {
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS);
            for (long left = LOOK_MILLIS; waiting > 0
                    && left > 0; left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())) {
                wait(left);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
