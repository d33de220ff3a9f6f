package dev.nereid.engine.stats;

import java.util.concurrent.TimeUnit;

/** How many requests end in a second, over the last second or since it was asked before. Threads: any. */
final class RequestRate {
    private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(1);

    private boolean isBegun;
    private long windowStart;
    private long countAtStart;
    private double perSecond;

    /**
     * Returns the rate; 0 in the first second.
     *
     * @param nowNanos of a monotonic clock
     * @param count how many have ended so far
     */
    synchronized double perSecond(long nowNanos, long count) {
        if (!isBegun) {
            isBegun = true;
            windowStart = nowNanos;
            countAtStart = count;
        }
        long nanos = nowNanos - windowStart;
        if (nanos >= WINDOW_NANOS) {
            perSecond = (count - countAtStart) * 1e9 / nanos;
            windowStart = nowNanos;
            countAtStart = count;
        }
        return perSecond;
    }
}
