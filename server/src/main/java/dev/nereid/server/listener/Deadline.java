package dev.nereid.server.listener;

import java.time.Duration;

/**
 * A moment up to which something may take.
 *
 * @param nanos the moment, as {@link System#nanoTime} counts
 */
public record Deadline(long nanos) {
    /** Returns the moment that is so far ahead. */
    public static Deadline in(Duration duration) {
        return new Deadline(System.nanoTime() + Math.min(duration.toNanos(), Long.MAX_VALUE / 2));
    }

    /** Returns how long it is until then; zero where it has passed. */
    public Duration remaining() {
        return Duration.ofNanos(Math.max(0, nanos - System.nanoTime()));
    }

    /** Returns whether it has passed. */
    public boolean hasPassed() {
        return remaining().isZero();
    }
}
