package dev.nereid.engine.stats;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How many durations there were of each class, since the beginning. Classes are some 6 % wide, from a microsecond to half a
 * day; the difference of two readings gives the percentiles of the time in between. 5 KiB. Threads: any; no lock.
 */
public final class LatencyDistribution {
    /** Classes for each power of two. */
    private static final int STEPS_BITS = 4;
    private static final int STEPS = 1 << STEPS_BITS;
    /** Longer than half a day counts as that. */
    private static final int LARGEST_BITS = 36;
    private static final int CLASSES = (LARGEST_BITS - STEPS_BITS + 2) * STEPS;

    private final AtomicLongArray counts = new AtomicLongArray(CLASSES);

    void add(long nanos) {
        counts.getAndIncrement(classOf(Math.max(0, TimeUnit.NANOSECONDS.toMicros(nanos))));
    }

    private static int classOf(long micros) {
        if (micros < STEPS) {
            return (int) micros;
        }
        int bits = 63 - Long.numberOfLeadingZeros(micros);
        if (bits > LARGEST_BITS) {
            return CLASSES - 1;
        }
        return (bits - STEPS_BITS + 1) * STEPS + (int) (micros >>> (bits - STEPS_BITS)) - STEPS;
    }

    private static double middle(int index) {
        if (index < STEPS) {
            return index;
        }
        int shift = index / STEPS - 1;
        long first = (long) (index % STEPS + STEPS) << shift;
        return first + ((1L << shift) - 1) / 2.0;
    }

    /**
     * The counts at a time.
     *
     * @param counts of each class; not to be changed
     */
    @SuppressWarnings("ArrayRecordComponent") // Never compared, and copied often.
    public record Reading(long[] counts) {
        /** Of nothing. */
        public static final Reading NONE = new Reading(new long[CLASSES]);

        /** Returns how many durations there were since an earlier reading. */
        public long countSince(Reading earlier) {
            return Arrays.stream(counts).sum() - Arrays.stream(earlier.counts).sum();
        }

        /**
         * Returns a percentile, in microseconds, of the durations since an earlier reading; not a number where there were
         * none.
         *
         * @param share from 0 to 1
         */
        public double percentileSince(Reading earlier, double share) {
            long total = countSince(earlier);
            if (total <= 0) {
                return Double.NaN;
            }
            long rank = Math.max(1, (long) Math.ceil(share * total));
            long seen = 0;
            int index = -1;
            while (seen < rank) {
                index++;
                seen += counts[index] - earlier.counts[index];
            }
            return middle(index);
        }
    }

    /** Returns the counts as they are now. */
    public Reading read() {
        long[] copy = new long[CLASSES];
        for (int i = 0; i < CLASSES; i++) {
            copy[i] = counts.get(i);
        }
        return new Reading(copy);
    }
}
