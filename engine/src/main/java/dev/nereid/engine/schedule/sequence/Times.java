package dev.nereid.engine.schedule.sequence;

/** Sums of times that end at {@link Sequence#NEVER}. */
final class Times {
    private static final long NANOS_PER_MICRO = 1000;

    private Times() {
    }

    /** Returns the nanoseconds of so many microseconds, which are unsigned. */
    static long nanos(long micros) {
        return micros < 0 || micros > Sequence.NEVER / NANOS_PER_MICRO ? Sequence.NEVER : micros * NANOS_PER_MICRO;
    }

    /** Returns the time that much later; the clock may start anywhere, also below zero. */
    static long later(long now, long nanos) {
        long sum = now + nanos;
        return sum < now ? Sequence.NEVER : sum;
    }
}
