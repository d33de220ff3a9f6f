package dev.nereid.server;

import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.trace.TraceSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * How a server is to run.
 *
 * @param id the server's name in its metadata
 * @param exitTimeout how long to wait for running requests at shutdown
 * @param exitOnError whether a model that fails to load at the start ends the server
 * @param engine models and backends
 * @param http the HTTP listener
 * @param metrics the metrics listener
 * @param logging what is logged, and how
 * @param trace which requests are traced, and how
 * @param allowsClientSharedMemory whether clients may register shared memory
 */
public record ServerOptions(String id, Duration exitTimeout, boolean exitOnError, EngineOptions engine,
        HttpOptions http, MetricsOptions metrics, LogOptions logging, TraceOptions trace,
        boolean allowsClientSharedMemory) {

    /**
     * The HTTP listener.
     *
     * @param isEnabled whether there is one
     * @param address the address
     * @param port the port; 0 for any
     * @param reusesPort whether other processes may share the port
     * @param forwardPattern which headers become request parameters
     * @param maxInputSize largest JSON part, raw body or decompressed body in bytes
     * @param restrictions header and value by restricted category
     */
    public record HttpOptions(boolean isEnabled, String address, int port, boolean reusesPort,
            Optional<String> forwardPattern, long maxInputSize, Map<String, Restriction> restrictions) {
    }

    /**
     * What a restricted category of endpoints asks for.
     *
     * @param header the header's name
     * @param value the value that it must have
     */
    public record Restriction(String header, String value) {
    }

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

    /**
     * What is logged, and how.
     *
     * @param info whether information is
     * @param warning whether warnings are
     * @param error whether errors are
     * @param verboseLevel 0 for none
     * @param isIso8601 whether times have the ISO 8601 format
     * @param file the file; empty for standard error
     */
    public record LogOptions(boolean info, boolean warning, boolean error, int verboseLevel, boolean isIso8601,
            Optional<Path> file) {
    }

    /**
     * Which requests are traced, and how.
     *
     * @param settings the settings at the start
     * @param file where traces are written to; empty where there is no tracing
     */
    public record TraceOptions(TraceSettings settings, Optional<Path> file) {
    }
}
