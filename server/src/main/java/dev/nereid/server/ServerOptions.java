package dev.nereid.server;

import dev.nereid.repository.config.Devices.ComputeCapability;
import dev.nereid.server.host.HostPolicy;
import dev.nereid.server.scheduler.RateLimiter;
import dev.nereid.server.trace.TraceSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How a server is to run.
 *
 * @param id the server's name in its metadata
 * @param exitTimeout how long to wait for running requests at shutdown
 * @param engine models and backends
 * @param http the HTTP listener
 * @param metrics the metrics listener
 * @param logging what is logged, and how
 * @param trace which requests are traced, and how
 * @param exitsOnStall whether a server that can't serve any more ends
 * @param allowsClientSharedMemory whether clients may register shared memory
 */
public record ServerOptions(String id, Duration exitTimeout, EngineOptions engine, HttpOptions http,
        MetricsOptions metrics, LogOptions logging, TraceOptions trace, boolean exitsOnStall,
        boolean allowsClientSharedMemory) {

    /** When models are loaded. */
    public enum ControlMode {
        /** All at the start, never again. */
        NONE,
        /** All at the start, and whenever the repository changes. */
        POLL,
        /** By request. */
        EXPLICIT
    }

    /**
     * Models and backends.
     *
     * @param repositories directories with models
     * @param controlMode when models are loaded
     * @param startupModels models to load at the start in explicit mode
     * @param loadsAll whether the start loads every model in explicit mode
     * @param pollInterval how often poll mode looks for changes
     * @param exitOnError whether a model that fails to load at the start ends the server
     * @param autoComplete whether backends complete configurations
     * @param strictReadiness whether a failed model makes the server not ready
     * @param configName the name of a custom configuration; empty for none
     * @param loadThreads how many models load at the same time
     * @param loadRetries how often a failed load is tried again
     * @param backendDirectories where backends are
     * @param backendSettings settings by backend; the empty name is for all
     * @param allowsModelBackends whether a model may bring its backend along in its directory
     * @param maxInFlightBytes bound on the memory of requests and responses
     * @param maxQueueSize bound on waiting requests for each model version
     * @param scheduling how instances are created and share the machine
     * @param gpu how GPUs are used
     */
    public record EngineOptions(List<Path> repositories, ControlMode controlMode, List<String> startupModels,
            boolean loadsAll, Duration pollInterval, boolean exitOnError, boolean autoComplete,
            boolean strictReadiness, String configName, int loadThreads, int loadRetries,
            List<Path> backendDirectories, Map<String, Map<String, String>> backendSettings,
            boolean allowsModelBackends, long maxInFlightBytes, int maxQueueSize, SchedulingOptions scheduling,
            GpuOptions gpu) {
    }

    /**
     * How GPUs are used.
     *
     * @param isAllowed whether they are used at all
     * @param minimumCapability GPUs below it are not used
     * @param pinnedPoolBytes size of the pool of page-locked memory; 0 for none
     * @param loadLimits share of a GPU's memory, by its id, beyond whose use no model is loaded there
     */
    public record GpuOptions(boolean isAllowed, ComputeCapability minimumCapability, long pinnedPoolBytes,
            Map<Integer, Double> loadLimits) {
        /** As without any flag. */
        public static final GpuOptions DEFAULT = new GpuOptions(true, new ComputeCapability(7, 5), 256L << 20,
                Map.of());
    }

    /**
     * How instances are created and share the machine.
     *
     * @param rateLimit the resources where executions share them between models; empty where each free instance executes
     * @param hostPolicies where the threads of instances run, by the name of the policy
     * @param parallelInstanceLoading whether instances of one model are created at the same time; empty for what the
     *     backend says
     */
    public record SchedulingOptions(Optional<List<RateLimiter.Resource>> rateLimit,
            Map<String, HostPolicy> hostPolicies, Optional<Boolean> parallelInstanceLoading) {
        /** No rate limiter, no policies, instances as the backend says. */
        public static final SchedulingOptions DEFAULT = new SchedulingOptions(Optional.empty(), Map.of(),
                Optional.empty());
    }

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
