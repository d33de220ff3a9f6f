package dev.nereid.engine.stats;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts values by upper bounds that are fixed, so that the counts of replicas can be added up. Threads: any; no lock.
 */
public final class Histogram {
    private final double[] bounds;
    private final LongAdder[] counts;
    private final LongAdder sumNanos = new LongAdder();
    private final double nanosPerUnit;

    /**
     * Creates an empty histogram.
     *
     * @param bounds upper bounds, ascending, in units
     * @param nanosPerUnit how many nanoseconds make a unit
     */
    Histogram(List<Double> bounds, double nanosPerUnit) {
        this.bounds = bounds.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        this.counts = new LongAdder[this.bounds.length + 1];
        this.nanosPerUnit = nanosPerUnit;
        for (int i = 0; i < counts.length; i++) {
            counts[i] = new LongAdder();
        }
    }

    void add(long nanos) {
        double value = nanos / nanosPerUnit;
        int bucket = 0;
        while (bucket < bounds.length && value > bounds[bucket]) {
            bucket++;
        }
        counts[bucket].increment();
        sumNanos.add(nanos);
    }

    /**
     * A bucket.
     *
     * @param bound its upper bound; infinite for the last
     * @param count how many values are not above the bound
     */
    public record Bucket(double bound, long count) {
    }

    /** Returns the buckets, each counting all below it as well. */
    public List<Bucket> buckets() {
        List<Bucket> buckets = new ArrayList<>(counts.length);
        long total = 0;
        for (int i = 0; i < counts.length; i++) {
            total += counts[i].sum();
            buckets.add(new Bucket(i < bounds.length ? bounds[i] : Double.POSITIVE_INFINITY, total));
        }
        return buckets;
    }

    /** Returns the sum of all values, in units. */
    public double sum() {
        return sumNanos.sum() / nanosPerUnit;
    }
}
