package dev.nereid.backend.identity;

import dev.nereid.backend.api.InferenceException;
import java.time.Duration;

/** Waits on purpose. */
final class Delay {
    private Delay() {
    }

    /** Sleeps that long; an interrupt ends it with UNAVAILABLE. */
    static void of(Duration duration) {
        if (duration.isZero()) {
            return;
        }
        try {
            Thread.sleep(duration);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw InferenceException.unavailable("interrupted during a delay of " + duration.toMillis() + " ms");
        }
    }
}
