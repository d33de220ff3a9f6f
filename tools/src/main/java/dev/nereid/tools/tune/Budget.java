package dev.nereid.tools.tune;

import java.time.Duration;
import java.util.function.LongSupplier;

/** The time that tuning may take. */
final class Budget {
    private final LongSupplier clock;
    private final Duration total;
    private final long start;

    /** Creates a budget that begins to be spent now. */
    Budget(Duration total, LongSupplier clock) {
        this.clock = clock;
        this.total = total;
        this.start = clock.getAsLong();
    }

    /** Returns what is left, which may be nothing. */
    Duration left() {
        Duration left = total.minusNanos(clock.getAsLong() - start);
        return left.isNegative() ? Duration.ZERO : left;
    }

    /** Returns a budget of a share of what is left, which begins to be spent now. */
    Budget part(double share) {
        return new Budget(Duration.ofNanos((long) (left().toNanos() * share)), clock);
    }

    /** Returns whether nothing is left. */
    boolean isSpent() {
        return left().isZero();
    }

    /** Returns the part of a share of what is left that each of so many measurements may take, within bounds. */
    Duration each(double share, int measurements, Duration least, Duration most) {
        Duration part = Duration.ofNanos((long) (left().toNanos() * share / Math.max(1, measurements)));
        return part.compareTo(least) < 0 ? least : part.compareTo(most) > 0 ? most : part;
    }
}
