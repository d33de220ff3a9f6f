package dev.nereid.tools.perf;

import java.util.Arrays;

/** When the responses to one request came. For one thread at a time. */
final class ResponseTimes {
    private long[] arrivals = new long[16];
    private int count;

    /** Forgets the request before. */
    void reset() {
        count = 0;
    }

    /** Notes that a response has come just now. */
    void arrived() {
        if (count == arrivals.length) {
            arrivals = Arrays.copyOf(arrivals, 2 * count);
        }
        arrivals[count++] = System.nanoTime();
    }

    /** Returns how many have come. */
    int count() {
        return count;
    }

    /** Returns when a response came, in nanoseconds as {@link System#nanoTime} counts them. */
    long arrival(int index) {
        return arrivals[index];
    }
}
