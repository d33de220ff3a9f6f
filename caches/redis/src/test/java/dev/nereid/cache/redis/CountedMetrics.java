package dev.nereid.cache.redis;

import dev.nereid.backend.api.Metrics;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/** Keeps what counters count, by name and the value of their label. Threads: any. */
final class CountedMetrics implements Metrics {
    private final ConcurrentMap<String, Double> counts = new ConcurrentHashMap<>();

    /** Returns a count, such as {@code nereid_cache_lookups_total hit}. */
    long count(String name) {
        return counts.getOrDefault(name, 0.0).longValue();
    }

    @Override
    public Counter counter(String name, String help, Map<String, String> labels) {
        String key = (name + " " + String.join(" ", labels.values())).strip();
        return amount -> counts.merge(key, amount, Double::sum);
    }

    @Override
    public Gauge gauge(String name, String help, Map<String, String> labels) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Histogram histogram(String name, String help, Map<String, String> labels, double... bounds) {
        throw new UnsupportedOperationException();
    }
}
