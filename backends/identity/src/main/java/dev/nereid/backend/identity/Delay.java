package dev.nereid.backend.identity;

import dev.nereid.backend.api.InferenceException;
import java.time.Duration;

/** Waits on purpose, and no longer than asked: what is measured with it would otherwise be the system's timer. */
final class Delay {
    /** How much too late a sleeping thread may be woken on a busy machine. */
    private static final Duration LATE = Duration.ofNanos(400_000);

    private Delay() {
    }

    /** Sleeps that long; an interrupt ends it with UNAVAILABLE. */
    static void of(Duration duration) {
        if (duration.isZero()) {
            return;
        }
        long end = System.nanoTime() + duration.toNanos();
        try {
            if (duration.compareTo(LATE) > 0) {
                Thread.sleep(duration.minus(LATE));
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
