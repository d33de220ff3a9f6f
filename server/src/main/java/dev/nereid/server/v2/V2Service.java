package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.IndexEntry;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.repository.config.proto.ConfigProto;
import dev.nereid.server.v2.ModelMetadata.TensorMetadata;
import dev.nereid.server.v2.VersionStatistics.Batch;
import dev.nereid.server.v2.VersionStatistics.Counter;
import dev.nereid.server.v2.VersionStatistics.Requests;
import dev.nereid.server.v2.VersionStatistics.Responses;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;

/** Everything of the v2 protocol but inference, for all front ends of a server. Threads: any. */
public final class V2Service {
    private static final List<String> EXTENSIONS = List.of("classification", "sequence", "model_repository",
            "model_repository(unload_dependents)", "schedule_policy", "model_configuration", "system_shared_memory",
            "cuda_shared_memory", "binary_tensor_data", "parameters", "statistics", "trace", "logging");

    private static final String EXITING = "Server exiting";

    private final Engine engine;
    private final ServerMetadata metadata;
    private final TraceService traces;
    private final LogService logs;
    private final SharedMemoryService sharedMemory;
    private final RecentFailures failures = new RecentFailures();
    private volatile boolean isLeaving;
    private volatile Supplier<Optional<String>> trouble = Optional::empty;

    /**
     * What a server says about itself and lets clients do.
     *
     * @param name its name
     * @param version its version, and what it was built from
     * @param allowsClientSharedMemory whether clients may register shared memory
     */
    public record Options(String name, String version, boolean allowsClientSharedMemory) {
    }

    /**
     * Creates the service; it owns none of what it is given.
     *
     * @param engine serves models
     * @param tracer selects requests to trace
     * @param regions the registered shared memory
     * @param logs changes log settings
     */
    public V2Service(Options options, Engine engine, Tracer tracer, ClientSharedMemory regions, LogControl logs) {
        this.engine = engine;
        this.metadata = new ServerMetadata(options.name(), options.version(), EXTENSIONS);
        this.traces = new TraceService(engine, tracer);
        this.logs = new LogService(logs);
        this.sharedMemory = new SharedMemoryService(regions, options.allowsClientSharedMemory());
    }

    /** Returns what is about trace settings. */
    public TraceService traces() {
        return traces;
    }

    /** Returns what is about log settings. */
    public LogService logs() {
        return logs;
    }

    /** Returns the last requests that failed, which front ends tell it. */
    public RecentFailures failures() {
        return failures;
    }

    /** Returns what is about shared memory. */
    public SharedMemoryService sharedMemory() {
        return sharedMemory;
    }

    /**
     * Says why the server is not live.
     *
     * @param reason empty where it is
     */
    public void liveUnless(Supplier<Optional<String>> reason) {
        this.trouble = reason;
    }

    /**
     * Returns whether the server is live; one that lacks a model repository never is.
     *
     * @throws InferenceException UNAVAILABLE why it can't serve any more
     */
    public boolean isLive() {
        Optional<String> reason = trouble.get();
        if (reason.isPresent()) {
            throw new InferenceException(StatusCode.UNAVAILABLE, reason.get());
        }
        checkRunning();
        return engine.hasAllRepositories();
    }

    /** Says that the server is about to end: it is no longer ready, but serves whatever comes. */
    public void leave() {
        isLeaving = true;
    }

    /**
     * Returns whether the server is ready.
     *
     * @throws InferenceException UNAVAILABLE where it is about to end
     */
    public boolean isReady() {
        boolean isReady = engine.isReady();
        checkRunning();
        if (isLeaving) {
            throw new InferenceException(StatusCode.UNAVAILABLE, EXITING);
        }
        return isReady;
    }

    private void checkRunning() {
        if (engine.isStopping()) {
            throw new InferenceException(StatusCode.UNAVAILABLE, EXITING);
        }
    }

    /** Returns what the server says about itself. */
    public ServerMetadata metadata() {
        return metadata;
    }

    /**
     * Returns whether a model serves requests. One that there is not does not.
     *
     * @param version empty for the highest that is ready
     */
    public boolean isModelReady(String model, OptionalLong version) {
        try {
            return engine.lookup(model, version).isReady();
        } catch (InferenceException e) {
            return false;
        }
    }

    /**
     * Returns what a model says about itself.
     *
     * @param version empty for the highest that is ready
     * @throws InferenceException NOT_FOUND or UNAVAILABLE
     */
    public ModelMetadata modelMetadata(String model, OptionalLong version) {
        ServedVersion served = engine.lookup(model, version);
        ModelConfig config = served.config();
        List<ServedVersion> versions = version.isPresent() ? List.of(served) : engine.readyVersions(model);
        return new ModelMetadata(model, versions.stream().map(ServedVersion::versionText).toList(),
                config.platform().isEmpty() ? config.backend() : config.platform(),
                config.inputs().stream().map(
                        input -> tensor(input.name(), input.dataType(), input.dims(), config.isBatching())).toList(),
                config.outputs().stream().map(
                        output -> tensor(output.name(), output.dataType(), output.dims(), config.isBatching()))
                        .toList());
    }

    private static TensorMetadata tensor(String name, Optional<DataType> dataType, Dims dims, boolean isBatching) {
        List<Long> shape = new ArrayList<>();
        if (isBatching) {
            shape.add(-1L);
        }
        for (long dim : dims.toArray()) {
            shape.add(dim);
        }
        return new TensorMetadata(name, dataType.map(DataType::name).orElse("<invalid>"), shape);
    }

    /**
     * Returns a model's configuration, complete and normalised.
     *
     * @param version empty for the highest that is ready
     * @throws InferenceException NOT_FOUND or UNAVAILABLE
     */
    public ConfigProto.ModelConfig modelConfig(String model, OptionalLong version) {
        return engine.lookup(model, version).completeConfig();
    }

    /**
     * Returns what versions have done: of all models without a name, of one model without a version. Only versions that
     * are ready count.
     *
     * @param model the model; empty for all
     * @throws InferenceException INVALID_ARG for a model or version that is not ready
     */
    public List<VersionStatistics> statistics(String model, OptionalLong version) {
        List<ServedVersion> versions = model.isEmpty() ? engine.readyVersions() : engine.readyVersions(model);
        if (!model.isEmpty() && versions.isEmpty()) {
            throw InferenceException.invalid("requested model '" + model + "' is not available");
        }
        if (version.isPresent()) {
            versions = versions.stream().filter(each -> each.version() == version.getAsLong()).toList();
            if (versions.isEmpty()) {
                throw InferenceException.invalid("requested model version is not available for model '" + model + "'");
            }
        }
        return versions.stream().map(V2Service::statistics).toList();
    }

    private static VersionStatistics statistics(ServedVersion version) {
        ModelStatistics statistics = version.statistics();
        Counter failures = new Counter(0, 0);
        for (FailureReason reason : FailureReason.values()) {
            failures = failures.plus(Counter.of(statistics.failures(reason)));
        }
        Requests requests = new Requests(Counter.of(statistics.success()), failures, Counter.of(statistics.queue()),
                Counter.of(statistics.computeInput()), Counter.of(statistics.computeInfer()),
                Counter.of(statistics.computeOutput()), Counter.of(statistics.cacheHit()),
                Counter.of(statistics.cacheMiss()));
        List<Batch> batches = new ArrayList<>();
        statistics.batches().forEach((rows, batch) -> batches.add(new Batch(rows, Counter.of(batch.input()),
                Counter.of(batch.infer()), Counter.of(batch.output()))));
        List<Responses> responses = new ArrayList<>();
        statistics.responses().forEach((index, each) -> responses.add(Responses.of(index, each)));
        return new VersionStatistics(version.name(), version.versionText(), statistics.lastInferenceMillis(),
                statistics.inferenceCount(), statistics.executionCount(), requests, responses, batches,
                version.memoryUsage());
    }

    /**
     * Returns the repository index.
     *
     * @param readyOnly whether only versions that are ready are listed
     * @throws InferenceException UNAVAILABLE before the start and at the end
     */
    public List<IndexEntry> index(boolean readyOnly) {
        return engine.index(readyOnly);
    }

    /**
     * Refuses the name of a repository, before anything else of the request is looked at.
     *
     * @throws InferenceException UNSUPPORTED for one that is not empty
     */
    public void checkNoRepository(String repository) {
        if (!repository.isEmpty()) {
            throw InferenceException.unsupported("'repository_name' specification is not supported");
        }
    }

    /**
     * Loads a model.
     *
     * @throws InferenceException UNAVAILABLE outside explicit mode; INVALID_ARG without a name; else why it can't be
     *     loaded
     */
    public void load(String model, LoadParameters parameters) {
        if (model.isEmpty()) {
            throw InferenceException.invalid("Model name cannot be empty. Please enter a valid name to deploy.");
        }
        engine.load(model, parameters.override());
    }

    /**
     * Unloads a model. An unknown one is fine.
     *
     * @param withDependents whether models go too that were only loaded because this one needs them
     * @throws InferenceException UNAVAILABLE outside explicit mode
     */
    public void unload(String model, boolean withDependents) {
        engine.unload(model, withDependents);
    }
}
