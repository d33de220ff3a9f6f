package dev.nereid.server.cli;

import java.util.ArrayList;
import java.util.List;

/**
 * What {@code --metrics-config} says.
 *
 * @param countsLatencies whether latency counters are reported
 * @param showsHistograms whether histograms of latencies are reported
 * @param showsSummaries whether summaries of latencies are reported
 * @param quantiles the quantiles that those have, from 0 to 1
 */
record MetricsFlags(boolean countsLatencies, boolean showsHistograms, boolean showsSummaries,
        List<Double> quantiles) {
    static final String CONFIG = "metrics-config";
    static final String CERTIFICATE = "metrics-tls-cert";
    static final String KEY = "metrics-tls-key";
    static final String CLIENTS = "metrics-tls-client-ca";
    private static final List<String> KEYS = List.of("counter_latencies", "histogram_latencies", "summary_latencies",
            "summary_quantiles");
    private static final String QUANTILES = "0.5:0.05,0.9:0.01,0.95:0.001,0.99:0.001,0.999:0.001";

    static MetricsFlags of(List<String> values) {
        boolean countsLatencies = true;
        boolean showsHistograms = false;
        boolean showsSummaries = false;
        List<Double> quantiles = quantiles(QUANTILES);
        for (String value : values) {
            String[] parts = value.split("=", 2);
            switch (parts.length == 2 ? parts[0] : "") {
                case "counter_latencies" -> countsLatencies = FlagTable.bool(CONFIG, parts[1]);
                case "histogram_latencies" -> showsHistograms = FlagTable.bool(CONFIG, parts[1]);
                case "summary_latencies" -> showsSummaries = FlagTable.bool(CONFIG, parts[1]);
                case "summary_quantiles" -> quantiles = quantiles(parts[1]);
                default -> throw new UsageException("--" + CONFIG + " has value '" + value
                        + "', expected counter_latencies=<true|false>, histogram_latencies=<true|false>, "
                        + "summary_latencies=<true|false> or summary_quantiles=<quantile>:<error>[,...]"
                        + Suggestion.text(parts[0], KEYS, ""));
            }
        }
        return new MetricsFlags(countsLatencies, showsHistograms, showsSummaries, quantiles);
    }

    /** Reads pairs of a quantile and the error that is allowed for its rank. */
    private static List<Double> quantiles(String text) {
        List<Double> quantiles = new ArrayList<>();
        for (String pair : text.split(",", -1)) {
            String[] parts = pair.split(":", -1);
            try {
                if (parts.length == 2 && isShare(parts[0]) && isShare(parts[1])) {
                    quantiles.add(Double.parseDouble(parts[0]));
                    continue;
                }
            } catch (NumberFormatException e) {
                // Told below, as a number that is none.
            }
            throw new UsageException("--" + CONFIG + "=summary_quantiles=" + text + ": '" + pair
                    + "' is wrong, expected <quantile>:<error>, both from 0 to 1, such as 0.9:0.01");
        }
        return quantiles;
    }

    private static boolean isShare(String text) {
        double value = Double.parseDouble(text);
        return value >= 0 && value <= 1;
    }
}
