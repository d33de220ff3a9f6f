package dev.nereid.engine.stats;

import java.util.List;
import java.util.Map;

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
