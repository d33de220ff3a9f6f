package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.cache.CacheStatistics;
import dev.nereid.backend.api.cache.ResponseCache;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.gpu.Gpus;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.MemoryKeeper;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.ModelCatalog.Snapshot;
import dev.nereid.engine.plugin.BackendHost;
import dev.nereid.engine.plugin.BackendStatus;
import dev.nereid.engine.plugin.Backends;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.schedule.SchedulerFactory;
import dev.nereid.engine.schedule.TimerWakeups;
import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.ModelIds;
import dev.nereid.repository.config.PathGuard;
import dev.nereid.repository.config.proto.ConfigProto.ModelEnsembling;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The inference engine: models, backends and their requests, without any front end. It can be used inside another JVM
 * program. Threads: any.
 */
public final class Engine implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Engine.class.getName());
    private static final long MAX_FREE_BYTES = 256L << 20;
    private static final String NOT_EXPLICIT = "explicit model load / unload is not allowed if polling is enabled";

    private final EngineOptions options;
    private final Repositories repositories;
    private final ModelRepository repository;
    private final BufferPool buffers;
    private final MemoryKeeper memory;
    private final Backends backends;
    private final BackendHost host;
    private final TimerWakeups wakeups;
    private final ModelCatalog catalog;
    private final Admission admission;
    private final ModelLifecycle lifecycle;
    private final Dependencies dependencies;
    private final Optional<ResponseCache> cache;
    private final Path scratchDirectory;
    private final Gpus gpus;
    private volatile @Nullable RepositoryPoller poller;
    private volatile boolean isStarted;
    private volatile boolean isStopping;
    private boolean isStopped;
    private boolean endedInTime;

    private Engine(EngineOptions options, Repositories repositories, Path scratchDirectory, Gpus gpus,
            BackendHost host, Duration backendStartLimit) {
        this.options = options;
        this.host = host;
        this.repositories = repositories;
        this.repository = repositories.models();
        this.catalog = new ModelCatalog(options.repository().isNamespaced());
        this.scratchDirectory = scratchDirectory;
        this.gpus = gpus;
        this.buffers = new BufferPool(options.limits().maxInFlightBytes(), MAX_FREE_BYTES);
        this.backends = new Backends(options.backends().directories(), options.backends().factories(),
                options.backends().settings(),
                gpus.pinnedMemory(),
                backendStartLimit);
        Caching caching = Caching.open(options.cache(), backends.metrics());
        this.wakeups = new TimerWakeups(System::nanoTime);
        this.memory = MemoryKeeper.start(buffers);
        SchedulerFactory schedulers = new SchedulerFactory(System::nanoTime, InstantSource.system(), wakeups,
                options.limits().maxQueueSize(), options.scheduling().rateLimit().map(RateLimiter::new),
                options.scheduling().firstBatchAt(), options.scheduling().firstBacklogAt());
        this.admission = new Admission(buffers, catalog);
        this.cache = caching.cache();
        VersionLoader loader = new VersionLoader(
                new ModelBackends(backends, repository, options.backends().allowsModelBackends(), host),
                new ConfigLoader(options.repository().autoComplete(), options.repository().configName()), gpus,
                schedulers,
                new WarmUp(buffers, System::nanoTime), new ModelCallService(admission, buffers, catalog),
                new EnsembleLoader(admission, repository, catalog, caching, options.limits(),
                        options.statistics()),
                caching,
                options.scheduling(), options.limits(), options.statistics());
        this.lifecycle = new ModelLifecycle(repository, catalog, loader, scratchDirectory, options.loading(),
                memory::noteLoad);
        this.dependencies = new Dependencies(repository, catalog, lifecycle);
    }

    /**
     * Creates an engine; no model is loaded yet.
     *
     * @throws InferenceException when a repository is not a directory, or the response cache can't be opened
     */
    public static Engine create(EngineOptions options) {
        return create(options, BackendHost.NONE);
    }

    /**
     * Creates an engine some of whose backends may work in other processes; no model is loaded yet.
     *
     * @param host has them work there; the engine closes it
     * @throws InferenceException when a repository is not a directory, or the response cache can't be opened
     */
    public static Engine create(EngineOptions options, BackendHost host) {
        return create(options, options.gpu().isAllowed()
                ? GpuDriver.open()
                : GpuDriver.none("TRITON_SERVER_CPU_ONLY is set"), host, Backends.START_LIMIT);
    }

    /**
     * Creates an engine that uses the GPUs of that driver, which it closes; no model is loaded yet.
     *
     * @throws InferenceException when a repository is not a directory
     */
    public static Engine create(EngineOptions options, GpuDriver driver) {
        return create(options, driver, Backends.START_LIMIT);
    }

    static Engine create(EngineOptions options, GpuDriver driver, Duration backendStartLimit) {
        return create(options, driver, BackendHost.NONE, backendStartLimit);
    }

    private static Engine create(EngineOptions options, GpuDriver driver, BackendHost host,
            Duration backendStartLimit) {
        Gpus gpus = Gpus.create(driver, options.gpu());
        try {
            return create(options, gpus, host, backendStartLimit);
        } catch (RuntimeException e) {
            gpus.close();
            host.close();
            throw e;
        }
    }

    private static Engine create(EngineOptions options, Gpus gpus, BackendHost host, Duration backendStartLimit) {
        Path scratchDirectory;
        try {
            scratchDirectory = Files.createTempDirectory("nereid-");
        } catch (IOException e) {
            throw new UncheckedIOException("no directory for temporary files can be made", e);
        }
        try {
            Repositories repositories = Repositories.open(options.repository(), scratchDirectory);
            try {
                repositories.models().hints().forEach(hint -> LOGGER.log(Level.WARNING, hint));
                return new Engine(options, repositories, scratchDirectory, gpus, host, backendStartLimit);
            } catch (RuntimeException e) {
                repositories.close();
                throw e;
            }
        } catch (RuntimeException e) {
            delete(scratchDirectory);
            throw e;
        }
    }

    private static void delete(Path directory) {
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "the directory for temporary files can't be deleted: " + e.getMessage());
        }
    }

    /**
     * Loads the models that the options ask for, several at a time. Returns the models that failed, with the reason.
     * Where a repository is missing and that doesn't end the server, nothing is loaded and the server is never ready.
     */
    public Map<String, InferenceException> start() {
        if (!repositories.areAllThere()) {
            return Map.of();
        }
        List<String> names = options.loading().loadsAll()
                ? new ArrayList<>(repository.list().keySet())
                : options.loading().startupModels();
        Map<String, InferenceException> failures = new TreeMap<>();
        List<String> valid = new ArrayList<>();
        for (String name : names) {
            try {
                PathGuard.checkModelName(repository.name(name));
                valid.addAll(options.loading().loadsAll() ? List.of(name) : repository.ids(name));
            } catch (InferenceException e) {
                failures.put(name, e);
            }
        }
        failures.putAll(dependencies.loadAll(valid));
        isStarted = true;
        if (options.loading().mode() == ControlMode.POLL) {
            poller = RepositoryPoller.start(repository, lifecycle, dependencies, options.loading().pollInterval());
        }
        return failures;
    }

    /** Returns whether each model repository that was named is there. An engine that lacks one serves nothing. */
    public boolean hasAllRepositories() {
        return repositories.areAllThere();
    }

    /** Returns the pool that requests take their memory from. */
    public BufferPool buffers() {
        return buffers;
    }

    /** Returns what the response cache has done; empty where there is none, or it does not say. */
    public Optional<CacheStatistics> cacheStatistics() {
        return cache.flatMap(ResponseCache::statistics);
    }

    /** Returns the GPUs that models may be placed on. */
    public Gpus gpus() {
        return gpus;
    }

    /** Returns the state of each backend that was found. */
    public List<BackendStatus> backendStatuses() {
        return backends.statuses();
    }

    /** Returns the metrics that backends have registered, in whatever process, as they are now. */
    public List<MetricFamily> backendMetrics() {
        return MetricFamily.merge(backends.metrics().families(), host.metrics());
    }

    /**
     * Returns the version that serves requests to that model now.
     *
     * @param version empty for the highest that is ready
     * @throws InferenceException NOT_FOUND or UNAVAILABLE
     */
    public ServedVersion lookup(String model, OptionalLong version) {
        return catalog.lookup(catalog.resolve(model), version);
    }

    /**
     * Returns a version that a request to that model may be for: the one that serves, or else one that is being unloaded and
     * still has sequences. {@link #onVersion} finds out.
     *
     * @param version empty for the highest that is ready
     * @throws InferenceException NOT_FOUND or UNAVAILABLE
     */
    public ServedVersion lookupForRequest(String model, OptionalLong version) {
        return admission.lookup(model, version);
    }

    /** Returns the versions of a model that are ready, ascending; empty for an unknown model, and where several are meant. */
    public List<ServedVersion> readyVersions(String model) {
        try {
            return catalog.find(catalog.resolve(model)).orElse(Snapshot.EMPTY).ready();
        } catch (InferenceException e) {
            return List.of();
        }
    }

    /** Returns all versions that are ready, by model name and version. */
    public List<ServedVersion> readyVersions() {
        List<ServedVersion> all = new ArrayList<>();
        catalog.all().values().forEach(snapshot -> all.addAll(snapshot.ready()));
        return all;
    }

    /**
     * Has something done with the version that serves requests to a model now, and again with its successor where a re-load
     * has replaced it before it took the request. A request that continues a sequence goes to the version that has the
     * sequence, also while that is being unloaded. This is the one look-up of a request.
     *
     * @param version empty for the highest that is ready
     * @param action looks at the version's configuration and submits, but does not wait for the answer; is called again only
     *     where it threw UNAVAILABLE
     * @throws InferenceException NOT_FOUND or UNAVAILABLE, or what the action threw
     */
    public <T> T onVersion(String model, OptionalLong version, Function<ServedVersion, T> action) {
        return admission.onVersion(model, version, action);
    }

    /**
     * Does the same for a request that can't be part of a sequence.
     *
     * @param version empty for the highest that is ready
     * @param action as above
     * @throws InferenceException NOT_FOUND or UNAVAILABLE, or what the action threw
     */
    public <T> T onReadyVersion(String model, OptionalLong version, Function<ServedVersion, T> action) {
        return admission.onReadyVersion(model, version, action);
    }

    /**
     * Takes a request. Returns at once; requests of one thread to one version are queued in the order of its calls.
     *
     * @param scope gives memory for the checked request; it and the inputs' memory must stay as they are until the end
     * @param listener gets the answers
     * @param trace notes the request's way
     * @throws InferenceException what is wrong with the request, or why it can't be taken; the listener gets nothing then
     */
    public Ticket submit(ServedVersion served, RequestData data, BufferScope scope, ResponseListener listener,
            RequestTrace trace) {
        return admission.submit(served, data, scope, listener, trace);
    }

    /**
     * Takes a request whose one response the current thread will wait for, and may be lent meanwhile to execute.
     *
     * @param scope gives memory for the checked request and must stay open until the answer is there
     * @param client can give up while it waits
     * @throws InferenceException what is wrong with the request, or why it can't be taken
     */
    public PendingInference begin(ServedVersion served, RequestData data, BufferScope scope, InferenceClient client) {
        return admission.begin(served, data, scope, client, () -> false);
    }

    /**
     * Executes a request and waits for its one response, which is the caller's to close. Not for {@link #onVersion}.
     *
     * @param scope gives memory for the checked request and must stay open until this returns
     * @param client can give up while it waits
     * @throws InferenceException what is wrong with the request, or why it failed
     */
    public Response infer(ServedVersion served, RequestData data, BufferScope scope, InferenceClient client) {
        return begin(served, data, scope, client).await();
    }

    /**
     * Loads a model by request; with namespaces, all models of that name.
     *
     * @throws InferenceException UNAVAILABLE outside explicit mode; else why it can't be loaded
     */
    public void load(String model, LoadOverride override) {
        requireExplicit();
        PathGuard.checkModelName(model);
        repository.ids(model).forEach(id -> dependencies.load(id, override));
    }

    /**
     * Unloads a model by request; with namespaces, all models of that name. An unknown one is fine.
     *
     * @param withDependents whether models go too that were only loaded because this one consists of them
     * @throws InferenceException UNAVAILABLE outside explicit mode
     */
    public void unload(String model, boolean withDependents) {
        requireExplicit();
        Set<String> ids = new TreeSet<>(repository.ids(model));
        catalog.all().keySet().stream().filter(id -> repository.name(id).equals(model)).forEach(ids::add);
        ids.forEach(id -> dependencies.unload(id, withDependents));
    }

    private void requireExplicit() {
        if (options.loading().mode() != ControlMode.EXPLICIT) {
            throw InferenceException.unavailable(NOT_EXPLICIT);
        }
        requireRunning();
    }

    private void requireRunning() {
        if (!isStarted || isStopping) {
            throw InferenceException.unavailable("Server not ready");
        }
    }

    /** Returns the repository index: what lies in the repositories now, and the state of each version. */
    public List<IndexEntry> index(boolean readyOnly) {
        requireRunning();
        List<IndexEntry> entries = new ArrayList<>();
        repository.list().forEach((id, directories) -> {
            String name = repository.name(id);
            if (directories.size() > 1) {
                entries.add(new IndexEntry(name, OptionalLong.empty(), Optional.of(VersionState.UNAVAILABLE),
                        ModelRepository.DUPLICATE_REASON));
                return;
            }
            Optional<Snapshot> snapshot = catalog.find(id);
            if (snapshot.isEmpty() && !readyOnly) {
                entries.add(new IndexEntry(name, OptionalLong.empty(), Optional.empty(), ""));
            }
            snapshot.ifPresent(found -> found.versions().stream().map(version -> entry(name, version))
                    .filter(entry -> !readyOnly || entry.state().equals(Optional.of(VersionState.READY)))
                    .forEach(entries::add));
        });
        return entries;
    }

    /** Returns the state of every version that was ever loaded, for the start-up table. */
    public List<IndexEntry> versions() {
        List<IndexEntry> entries = new ArrayList<>();
        catalog.all().forEach((id, snapshot) -> snapshot.versions()
                .forEach(version -> entries.add(entry(id, version))));
        return entries;
    }

    private static IndexEntry entry(String name, ModelCatalog.Version version) {
        ServedVersion served = version.served();
        Optional<String> outage = served == null || version.state() != VersionState.READY
                ? Optional.empty()
                : served.outage();
        return new IndexEntry(name, OptionalLong.of(version.number()),
                Optional.of(outage.isPresent() ? VersionState.UNAVAILABLE : version.state()),
                outage.orElse(version.reason()));
    }

    /**
     * Returns whether the server is ready. Strict: every model that was asked for has a version, and each version is
     * ready or was unloaded on purpose. Otherwise: as soon as the start is over.
     */
    public boolean isReady() {
        if (!isStarted || isStopping) {
            return false;
        }
        if (!options.loading().strictReadiness()) {
            return true;
        }
        for (Snapshot snapshot : catalog.all().values()) {
            if (snapshot.versions().isEmpty()) {
                return false;
            }
            for (ModelCatalog.Version version : snapshot.versions()) {
                ServedVersion served = version.served();
                boolean isFine = served == null
                        ? version.state() == VersionState.UNAVAILABLE && !version.hasFailed()
                        : served.isReady();
                if (!isFine) {
                    return false;
                }
            }
        }
        return true;
    }

    /**
     * Returns why a model can't progress though nothing keeps it from doing so; empty where all models can.
     *
     * @param limit how long a request may wait while an instance is free
     */
    public Optional<String> stall(Duration limit) {
        for (ServedVersion served : readyVersions()) {
            Optional<String> reason = served.scheduler().stall(limit.toNanos());
            if (reason.isPresent()) {
                return Optional.of("model '" + served.name() + "' version " + served.version() + ": " + reason.get());
            }
        }
        return Optional.empty();
    }

    /**
     * Returns how much a version has to do now; for an ensemble that of the model in it that has least to spare.
     */
    public ModelLoad load(ServedVersion served) {
        ModelLoad most = served.load();
        for (ModelEnsembling.Step step : served.completeConfig().getEnsembleScheduling().getStepList()) {
            for (ServedVersion member : catalog.find(ModelIds.of(step)).orElse(Snapshot.EMPTY).ready()) {
                if (step.getModelVersion() < 0 || step.getModelVersion() == member.version()) {
                    ModelLoad load = load(member);
                    most = load.utilizationWithOneMore() > most.utilizationWithOneMore() ? load : most;
                }
            }
        }
        return most;
    }

    /** Returns what looks for changes in poll mode. */
    Optional<RepositoryPoller> poller() {
        return Optional.ofNullable(poller);
    }

    /** Returns whether the engine is shutting down. */
    public boolean isStopping() {
        return isStopping;
    }

    /** Says that the end is near: the server is no longer ready, no sequence starts, all else goes on. */
    public void beginStop() {
        isStopping = true;
        readyVersions().forEach(version -> version.scheduler().refuseSequences());
        RepositoryPoller running = poller;
        if (running != null) {
            running.close();
        }
    }

    /** Returns whether a sequence is under way. */
    public boolean hasSequences() {
        return readyVersions().stream().anyMatch(version -> version.scheduler().hasSequences());
    }

    /**
     * Ends the requests whose models would answer them later, now and from here on, with UNAVAILABLE, and takes no further
     * requests of sequences; for a server that stops and can't wait for them any longer.
     */
    public void endLate() {
        lifecycle.endLate();
    }

    /** Finishes running requests, up to a limit, and closes models and backends. Returns whether all ended in time. */
    public synchronized boolean stopWithin(Duration limit) {
        if (isStopped) {
            return endedInTime;
        }
        isStopped = true;
        beginStop();
        // A download would hold up the load that waits for it.
        repositories.stopFetching();
        boolean allClosed = lifecycle.closeWithin(limit);
        lifecycle.close();
        wakeups.close();
        memory.close();
        if (allClosed) {
            cache.ifPresent(ResponseCache::close);
            backends.close();
            host.close();
            buffers.close();
            gpus.close();
            repositories.close();
        }
        delete(scratchDirectory);
        endedInTime = allClosed;
        return allClosed;
    }

    @Override
    public void close() {
        boolean ignored = stopWithin(Duration.ofSeconds(30));
    }
}
