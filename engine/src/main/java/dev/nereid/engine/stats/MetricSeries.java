package dev.nereid.engine.stats;

import dev.nereid.backend.api.Metrics;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/** One metric of a backend's own. Threads: any; no lock. */
sealed interface MetricSeries {
    /** Returns what it shows now. */
    MetricFamily.Value value();

    /** A counter. */
    final class Counter implements MetricSeries, Metrics.Counter {
        private final DoubleAdder sum = new DoubleAdder();

        @Override
        public void add(double amount) {
            if (!(amount >= 0) || Double.isInfinite(amount)) {
                throw new IllegalArgumentException("a counter can't grow by " + amount);
            }
            sum.add(amount);
        }

        @Override
        public MetricFamily.Value value() {
            return new MetricFamily.Single(sum.sum());
        }
    }

    /** A gauge. */
    final class Gauge implements MetricSeries, Metrics.Gauge {
        private final AtomicLong bits = new AtomicLong();

        @Override
        public void set(double value) {
            bits.set(Double.doubleToRawLongBits(value));
        }

        @Override
        public void add(double amount) {
            bits.updateAndGet(before -> Double.doubleToRawLongBits(Double.longBitsToDouble(before) + amount));
        }

        @Override
        public MetricFamily.Value value() {
            return new MetricFamily.Single(Double.longBitsToDouble(bits.get()));
        }
    }

    /** A histogram. */
    final class Buckets implements MetricSeries, Metrics.Histogram {
        private final double[] bounds;
        private final LongAdder[] counts;
        private final DoubleAdder sum = new DoubleAdder();

        Buckets(double[] bounds) {
            this.bounds = bounds.clone();
            this.counts = new LongAdder[bounds.length + 1];
            for (int i = 0; i < counts.length; i++) {
                counts[i] = new LongAdder();
            }
        }

        @Override
        public void observe(double value) {
            if (Double.isNaN(value)) {
                throw new IllegalArgumentException("a histogram can't count what is not a number");
            }
            int bucket = 0;
            while (bucket < bounds.length && value > bounds[bucket]) {
                bucket++;
            }
            counts[bucket].increment();
            sum.add(value);
        }

        @Override
        public MetricFamily.Value value() {
            List<Histogram.Bucket> buckets = new ArrayList<>(counts.length);
            long total = 0;
            for (int i = 0; i < counts.length; i++) {
                total += counts[i].sum();
                buckets.add(new Histogram.Bucket(i < bounds.length ? bounds[i] : Double.POSITIVE_INFINITY, total));
            }
            return new MetricFamily.Distribution(buckets, sum.sum());
        }
    }
}
