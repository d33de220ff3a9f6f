package dev.nereid.engine.stats;

import dev.nereid.backend.api.InferenceException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** What names, labels and bounds of metrics may be, so that what is shown can be read. */
final class MetricRules {
    /** What a histogram adds to its name. */
    static final List<String> HISTOGRAM_SUFFIXES = List.of("_bucket", "_sum", "_count");

    private static final Pattern NAME = Pattern.compile("[a-zA-Z][a-zA-Z0-9_]{0,199}");
    private static final String RESERVED = "nv_";
    private static final Set<String> SERVERS_LABELS = Set.of("backend", "model", "version", "le");

    private MetricRules() {
    }

    static void checkName(String name) {
        if (!NAME.matcher(name).matches()) {
            throw InferenceException.invalid("metric '" + name
                    + "' has a name that can't be used, expected letters, digits and '_', first a letter");
        }
        if (name.startsWith(RESERVED)) {
            throw InferenceException.invalid("metric '" + name + "' has a name that begins with '" + RESERVED
                    + "', which is for the server's own; begin with the backend's name");
        }
    }

    static void checkLabels(String name, Map<String, String> labels) {
        for (String label : labels.keySet()) {
            if (!NAME.matcher(label).matches()) {
                throw InferenceException.invalid("metric '" + name + "' has a label '" + label
                        + "', expected letters, digits and '_', first a letter");
            }
            if (SERVERS_LABELS.contains(label)) {
                throw InferenceException.invalid(
                        "metric '" + name + "' has a label '" + label + "', which is for the server to set");
            }
        }
    }

    static void checkBounds(String name, double[] bounds) {
        if (bounds.length == 0 || bounds.length > 100) {
            throw InferenceException
                    .invalid("histogram '" + name + "' has " + bounds.length + " bounds, expected 1 to 100");
        }
        for (int i = 0; i < bounds.length; i++) {
            if (!Double.isFinite(bounds[i]) || (i > 0 && !(bounds[i] > bounds[i - 1]))) {
                throw InferenceException.invalid("histogram '" + name + "' has bound " + bounds[i]
                        + " at place " + i + ", expected finite bounds, each above the one before");
            }
        }
    }
}
