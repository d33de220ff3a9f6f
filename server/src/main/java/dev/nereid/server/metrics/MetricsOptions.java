package dev.nereid.server.metrics;

import java.time.Duration;

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
 */
public record MetricsOptions(boolean isEnabled, String address, int port, Duration interval, boolean reportsCpu,
        boolean reportsGpus,
        boolean countsLatencies, boolean showsHistograms) {
}
