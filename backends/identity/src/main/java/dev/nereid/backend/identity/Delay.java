package dev.nereid.backend.identity;

import dev.nereid.backend.api.InferenceException;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Waits on purpose, and no longer than asked: what is measured with it would otherwise be the system's timer. */
final class Delay {
    /** How much too late a sleeping thread may be woken on a busy machine. */
    private static final Duration LATE = Duration.ofNanos(400_000);
    /** How long to sleep before looking whether anybody still waits. */
    private static final Duration LOOK = Duration.ofMillis(20);

    private Delay() {
    }

    /** Sleeps that long; an interrupt ends it with UNAVAILABLE. */
    static void of(Duration duration) {
        of(duration, () -> false);
    }

    /**
     * Sleeps that long, or until it is in vain; an interrupt ends it with UNAVAILABLE.
     *
     * @param isInVain asked about every 20 ms
     */
    static void of(Duration duration, BooleanSupplier isInVain) {
        if (duration.isZero()) {
            return;
        }
        long end = System.nanoTime() + duration.toNanos();
        try {
            Duration rest = duration;
            while (rest.compareTo(LATE) > 0) {
                Thread.sleep(rest.compareTo(LOOK) > 0 ? LOOK : rest.minus(LATE));
                if (isInVain.getAsBoolean()) {
                    return;
                }
                rest = Duration.ofNanos(end - System.nanoTime());
            }
            while (System.nanoTime() < end) {
                Thread.onSpinWait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw InferenceException.unavailable("interrupted during a delay of " + duration.toMillis() + " ms");
        }
    }
}
