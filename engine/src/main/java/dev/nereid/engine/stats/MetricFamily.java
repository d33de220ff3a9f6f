package dev.nereid.engine.stats;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * All metrics of one name that backends have registered, as they are now.
 *
 * @param name the name
 * @param help what the metric means
 * @param kind what kind of metric it is
 * @param samples the metrics, each with its labels
 */
public record MetricFamily(String name, String help, Kind kind, List<Sample> samples) {
    /** Copies the list. */
    public MetricFamily {
        samples = List.copyOf(samples);
    }

    /** Returns both together, by name. Of two kinds under one name, that of {@code first} is kept. */
    public static List<MetricFamily> merge(List<MetricFamily> first, List<MetricFamily> second) {
        if (second.isEmpty()) {
            return first;
        }
        Map<String, MetricFamily> merged = new TreeMap<>();
        first.forEach(family -> merged.put(family.name(), family));
        second.forEach(family -> merged.merge(family.name(), family, MetricFamily::with));
        return List.copyOf(merged.values());
    }

    private MetricFamily with(MetricFamily other) {
        if (other.kind != kind) {
            return this;
        }
        List<Sample> all = new ArrayList<>(samples);
        all.addAll(other.samples);
        return new MetricFamily(name, help, kind, all);
    }

    /** The kinds of metrics. */
    public enum Kind {
        /** Only grows. */
        COUNTER,
        /** Goes up and down. */
        GAUGE,
        /** Counts by size. */
        HISTOGRAM
    }

    /**
     * A metric.
     *
     * @param labels its labels
     * @param value what it shows
     */
    public record Sample(Map<String, String> labels, Value value) {
    }

    /** What a metric shows. */
    public sealed interface Value {
    }

    /**
     * Of a counter or a gauge.
     *
     * @param number the number
     */
    public record Single(double number) implements Value {
    }

    /**
     * Of a histogram.
     *
     * @param buckets each counts all below it as well; the last has no bound
     * @param sum the sum of all values
     */
    public record Distribution(List<Histogram.Bucket> buckets, double sum) implements Value {
        /** Copies the list. */
        public Distribution {
            buckets = List.copyOf(buckets);
        }
    }
}
