package dev.nereid.engine.stats;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.stats.MetricFamily.Kind;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The metrics that backends register for themselves and their models.
 *
 * <p>Threads: any. One lock guards who has registered what; recording takes none. Where an old and a new copy of a model
 * live side by side during a re-load, the one that was registered last is shown; should it fail to load, the old one is
 * shown again.
 */
public final class BackendMetrics {
    /** How many metrics one backend, or one version of a model, may have. */
    static final int LIMIT = 2_000;

    private final List<Owned> owners = new ArrayList<>();

    /**
     * Returns where somebody registers metrics.
     *
     * @param who names the owner in errors, such as {@code model 'm'}
     * @param labels what the server adds to the labels of each metric
     */
    public Owned of(String who, Map<String, String> labels) {
        Owned owned = new Owned(who, new TreeMap<>(labels));
        synchronized (owners) {
            owners.add(owned);
        }
        return owned;
    }

    /** Returns all metrics as they are now, by name. */
    public List<MetricFamily> families() {
        Map<String, Registered> kinds = new TreeMap<>();
        Map<String, Map<Map<String, String>, MetricSeries>> series = new TreeMap<>();
        synchronized (owners) {
            for (Owned owned : owners) {
                owned.series.forEach((name, all) -> {
                    kinds.putIfAbsent(name, owned.kinds.get(name));
                    Map<Map<String, String>, MetricSeries> shown = series.computeIfAbsent(name,
                            key -> new LinkedHashMap<>());
                    shown.putAll(all);
                });
            }
        }
        List<MetricFamily> families = new ArrayList<>();
        kinds.forEach((name, registered) -> families.add(new MetricFamily(name, registered.help(), registered.kind(),
                series.getOrDefault(name, Map.of()).entrySet().stream()
                        .map(entry -> new MetricFamily.Sample(entry.getKey(), entry.getValue().value())).toList())));
        return families;
    }

    /** What is known of a name. */
    private record Registered(Kind kind, String help) {
    }

    /** The metrics of one backend, or of one version of a model. */
    public final class Owned implements Metrics, AutoCloseable {
        private final String who;
        private final Map<String, String> ownLabels;
        private final Map<String, Registered> kinds = new TreeMap<>();
        private final Map<String, Map<Map<String, String>, MetricSeries>> series = new TreeMap<>();
        private int size;

        private Owned(String who, Map<String, String> ownLabels) {
            this.who = who;
            this.ownLabels = ownLabels;
        }

        @Override
        public Metrics.Counter counter(String name, String help, Map<String, String> labels) {
            return register(name, help, Kind.COUNTER, labels, MetricSeries.Counter.class, MetricSeries.Counter::new);
        }

        @Override
        public Metrics.Gauge gauge(String name, String help, Map<String, String> labels) {
            return register(name, help, Kind.GAUGE, labels, MetricSeries.Gauge.class, MetricSeries.Gauge::new);
        }

        @Override
        public Metrics.Histogram histogram(String name, String help, Map<String, String> labels, double... bounds) {
            MetricRules.checkBounds(name, bounds);
            return register(name, help, Kind.HISTOGRAM, labels, MetricSeries.Buckets.class,
                    () -> new MetricSeries.Buckets(bounds));
        }

        private <S extends MetricSeries> S register(String name, String help, Kind kind, Map<String, String> labels,
                Class<S> type, Supplier<S> create) {
            MetricRules.checkName(name);
            MetricRules.checkLabels(name, labels);
            Map<String, String> all = new TreeMap<>(labels);
            all.putAll(ownLabels);
            synchronized (owners) {
                if (!owners.contains(this)) {
                    throw InferenceException.unavailable(who + " is closed and can't register metric '" + name + "'");
                }
                checkKind(name, kind);
                Map<Map<String, String>, MetricSeries> ofName = series.getOrDefault(name, Map.of());
                MetricSeries known = ofName.get(all);
                if (known != null) {
                    return type.cast(known);
                }
                if (size == LIMIT) {
                    throw InferenceException.unavailable(who + " has " + LIMIT + " metrics, the most that it may have; "
                            + "metric '" + name + "' needs labels with fewer values");
                }
                S created = create.get();
                size++;
                kinds.putIfAbsent(name, new Registered(kind, help));
                series.computeIfAbsent(name, key -> new LinkedHashMap<>()).put(Collections.unmodifiableMap(all),
                        created);
                return created;
            }
        }

        /** A histogram is shown under three names more, which no other metric may have. */
        private void checkKind(String name, Kind kind) {
            for (Owned owned : owners) {
                Registered same = owned.kinds.get(name);
                if (same != null && same.kind() != kind) {
                    throw taken(name, kind, name, owned, same.kind());
                }
                for (String suffix : MetricRules.HISTOGRAM_SUFFIXES) {
                    Registered part = kind == Kind.HISTOGRAM ? owned.kinds.get(name + suffix) : null;
                    if (part != null) {
                        throw taken(name, kind, name + suffix, owned, part.kind());
                    }
                    if (name.endsWith(suffix)) {
                        String whole = name.substring(0, name.length() - suffix.length());
                        Registered histogram = owned.kinds.get(whole);
                        if (histogram != null && histogram.kind() == Kind.HISTOGRAM) {
                            throw taken(name, kind, whole, owned, Kind.HISTOGRAM);
                        }
                    }
                }
            }
        }

        private InferenceException taken(String name, Kind kind, String other, Owned owner, Kind otherKind) {
            Function<Kind, String> word = each -> each.name().toLowerCase(Locale.ROOT);
            return new InferenceException(StatusCode.ALREADY_EXISTS, who + " can't register " + word.apply(kind) + " '"
                    + name + "': " + owner.who + " has a " + word.apply(otherKind) + " '" + other + "'");
        }

        /** Takes the metrics off. */
        @Override
        public void close() {
            synchronized (owners) {
                owners.remove(this);
            }
        }
    }
}
