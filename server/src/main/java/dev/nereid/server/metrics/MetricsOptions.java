package dev.nereid.server.metrics;

import dev.nereid.server.tls.TlsOptions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The metrics listener.
 *
 * @param isEnabled whether there is one
 * @param address the address
 * @param port the port; 0 for any
 * @param interval how often CPU metrics are sampled
 * @param reportsCpu whether there are CPU metrics
 * @param reportsGpus whether there are GPU metrics
 * @param countsLatencies whether latency counters are reported
 * @param showsHistograms whether histograms of latencies are reported
 * @param quantiles the quantiles of latencies that summaries report; empty for no summaries
 * @param tls key and certificates; empty for plain text
 */
public record MetricsOptions(boolean isEnabled, String address, int port, Duration interval, boolean reportsCpu,
        boolean reportsGpus,
        boolean countsLatencies, boolean showsHistograms, List<Double> quantiles, Optional<TlsOptions> tls) {
    /** Keeps a copy of the list. */
    public MetricsOptions {
        quantiles = List.copyOf(quantiles);
    }
}
