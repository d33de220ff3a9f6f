package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.StatusCode;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The metrics that the backend of a test engine has registered, and their values. Threads: any. */
final class RecordedMetrics {
    private static final Pattern NAME = Pattern.compile("[a-zA-Z][a-zA-Z0-9_]*");
    private static final Set<String> SERVERS_LABELS = Set.of("backend", "model", "version", "le");

    private final ConcurrentMap<String, Double> values = new ConcurrentHashMap<>();
    private final ConcurrentMap<String, String> kinds = new ConcurrentHashMap<>();

    /** Returns the values, by name and labels as the metrics port shows them; for a histogram how many and their sum. */
    Map<String, Double> values() {
        return Collections.unmodifiableMap(new TreeMap<>(values));
    }

    /** Returns where somebody registers metrics, to which the labels are added. */
    Metrics of(Map<String, String> labels) {
        return new Registry(labels);
    }

    private final class Registry implements Metrics {
        private final Map<String, String> own;

        Registry(Map<String, String> own) {
            this.own = own;
        }

        @Override
        public Counter counter(String name, String help, Map<String, String> labels) {
            String key = register("counter", name, "", labels);
            return amount -> {
                if (!(amount >= 0) || Double.isInfinite(amount)) {
                    throw new IllegalArgumentException("a counter can't grow by " + amount);
                }
                values.merge(key, amount, Double::sum);
            };
        }

        @Override
        public Gauge gauge(String name, String help, Map<String, String> labels) {
            String key = register("gauge", name, "", labels);
            return new Gauge() {
                @Override
                public void set(double value) {
                    values.put(key, value);
                }

                @Override
                public void add(double amount) {
                    values.merge(key, amount, Double::sum);
                }
            };
        }

        @Override
        public Histogram histogram(String name, String help, Map<String, String> labels, double... bounds) {
            for (int i = 0; i < bounds.length; i++) {
                require(Double.isFinite(bounds[i]) && (i == 0 || bounds[i] > bounds[i - 1]),
                        "bounds of histogram '" + name + "' must be finite, each above the one before");
            }
            require(bounds.length > 0, "histogram '" + name + "' needs a bound");
            String count = register("histogram", name, "_count", labels);
            String sum = register("histogram", name, "_sum", labels);
            return value -> {
                if (Double.isNaN(value)) {
                    throw new IllegalArgumentException("a histogram can't count what is not a number");
                }
                values.merge(count, 1.0, Double::sum);
                values.merge(sum, value, Double::sum);
            };
        }

        private String register(String kind, String name, String suffix, Map<String, String> labels) {
            require(NAME.matcher(name).matches(),
                    "metric '" + name + "' must have a name of letters, digits and '_', first a letter");
            require(!name.startsWith("nv_"), "metric '" + name + "': 'nv_' is for the server's own");
            for (String label : labels.keySet()) {
                require(NAME.matcher(label).matches() && !SERVERS_LABELS.contains(label),
                        "metric '" + name + "' can't have a label '" + label + "'");
            }
            String known = kinds.putIfAbsent(name, kind);
            if (known != null && !known.equals(kind)) {
                throw new InferenceException(StatusCode.ALREADY_EXISTS,
                        "metric '" + name + "' is a " + known + " already, it can't be a " + kind);
            }
            Map<String, String> all = new TreeMap<>(labels);
            all.putAll(own);
            String key = name + suffix + all.entrySet().stream()
                    .map(label -> label.getKey() + "=\"" + label.getValue() + "\"")
                    .collect(Collectors.joining(",", "{", "}"));
            values.putIfAbsent(key, 0.0);
            return key;
        }

        private static void require(boolean isFine, String rule) {
            if (!isFine) {
                throw InferenceException.invalid(rule);
            }
        }
    }
}
