package dev.nereid.tools.perf;

import java.util.SplittableRandom;

/** The times at which an open loop sends its requests, counted from its start. For one thread at a time. */
public interface ArrivalSchedule {
    /** The nanoseconds of a second. */
    double SECOND_NANOS = 1e9;

    /** Returns when the next request is due, in nanoseconds after the start. */
    long next();

    /** Returns a schedule with the same gap between all requests. */
    static ArrivalSchedule constant(double requestsPerSecond) {
        return new ArrivalSchedule() {
            private long count;

            @Override
            public long next() {
                // Multiplied, not added up: no error grows with time.
                return Math.round(count++ * SECOND_NANOS / requestsPerSecond);
            }
        };
    }

    /** Returns a schedule with exponentially distributed gaps, as of many clients that know nothing of each other. */
    static ArrivalSchedule poisson(double requestsPerSecond, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return new ArrivalSchedule() {
            private double time;

            @Override
            public long next() {
                // 1 - [0, 1) is never 0, of which there is no logarithm.
                time -= Math.log(1 - random.nextDouble()) * SECOND_NANOS / requestsPerSecond;
                return Math.round(time);
            }
        };
    }
}
