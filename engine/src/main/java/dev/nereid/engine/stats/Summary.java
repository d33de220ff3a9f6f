package dev.nereid.engine.stats;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Quantiles of the durations of the last minute, to within 1.6 % of their value, beside the number and sum of all. They are
 * counted in classes that are as wide as that, in five windows of twelve seconds, of which the oldest is emptied and used
 * again; 45 KiB in all. Threads: any; the monitor is held for moments only.
 */
public final class Summary {
    private static final int WINDOWS = 5;
    private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(12);
    /** Classes for each power of two. */
    private static final int STEPS_BITS = 6;
    private static final int STEPS = 1 << STEPS_BITS;
    /** Longer than half a day counts as that. */
    private static final int LARGEST_BITS = 36;
    private static final int CLASSES = (LARGEST_BITS - STEPS_BITS + 2) * STEPS;

    private final LongSupplier clock;
    @GuardedBy("this")
    private final int[][] windows = new int[WINDOWS][CLASSES];
    @GuardedBy("this")
    private int current;
    @GuardedBy("this")
    private long currentSince;
    @GuardedBy("this")
    private long count;
    @GuardedBy("this")
    private long sumMicros;

    /**
     * Creates an empty summary.
     *
     * @param clock nanoseconds of a monotonic clock
     */
    Summary(LongSupplier clock) {
        this.clock = clock;
        this.currentSince = clock.getAsLong();
    }

    synchronized void add(long nanos) {
        long micros = Math.max(0, TimeUnit.NANOSECONDS.toMicros(nanos));
        turn();
        windows[current][classOf(micros)]++;
        count++;
        sumMicros += micros;
    }

    /** Empties the windows whose time has come again. */
    @GuardedBy("this")
    private void turn() {
        long now = clock.getAsLong();
        for (int i = 0; i < WINDOWS && now - currentSince >= WINDOW_NANOS; i++) {
            current = (current + 1) % WINDOWS;
            currentSince += WINDOW_NANOS;
            Arrays.fill(windows[current], 0);
        }
        if (now - currentSince >= WINDOW_NANOS) {
            currentSince = now;
        }
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

    /** Returns the middle of a class. */
    private static double middle(int index) {
        if (index < STEPS) {
            return index;
        }
        int shift = index / STEPS - 1;
        long first = (long) (index % STEPS + STEPS) << shift;
        return first + ((1L << shift) - 1) / 2.0;
    }

    /**
     * What a summary says.
     *
     * @param count how many durations there were
     * @param sumMicros their sum
     * @param quantiles the durations, in microseconds, that were asked for; not numbers where the last minute had none
     */
    public record Values(long count, double sumMicros, List<Double> quantiles) {
        /** Keeps a copy of the list. */
        public Values {
            quantiles = List.copyOf(quantiles);
        }
    }

    /** Returns the quantiles, each from 0 to 1, as they are now. */
    public synchronized Values values(List<Double> quantiles) {
        turn();
        long[] sums = new long[CLASSES];
        long total = 0;
        for (int[] window : windows) {
            for (int i = 0; i < CLASSES; i++) {
                sums[i] += window[i];
                total += window[i];
            }
        }
        long all = total;
        return new Values(count, (double) sumMicros,
                quantiles.stream().map(quantile -> quantile(sums, all, quantile)).toList());
    }

    private static double quantile(long[] sums, long total, double quantile) {
        if (total == 0) {
            return Double.NaN;
        }
        long rank = Math.max(1, (long) Math.ceil(quantile * total));
        long seen = 0;
        int index = -1;
        while (seen < rank) {
            index++;
            seen += sums[index];
        }
        return middle(index);
    }
}
