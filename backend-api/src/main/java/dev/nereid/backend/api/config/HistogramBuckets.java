package dev.nereid.backend.api.config;

import java.util.List;

/**
 * Buckets of a histogram metric of the model.
 *
 * @param family the metric
 * @param buckets upper bounds, ascending
 */
public record HistogramBuckets(String family, List<Double> buckets) {
    /** Copies the list. */
    public HistogramBuckets {
        buckets = List.copyOf(buckets);
    }
}
