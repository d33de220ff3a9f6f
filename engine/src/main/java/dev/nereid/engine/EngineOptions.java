package dev.nereid.engine;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.cache.CacheFactory;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import dev.nereid.repository.config.Devices.ComputeCapability;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How an engine is to run: one record for each concern, each with the values that hold where nothing is said.
 *
 * @param repository where models are, and how their configurations are read
 * @param loading when models are loaded
 * @param backends where backends are, and what they are told
 * @param limits bounds
 * @param scheduling how instances are created and share the machine
 * @param gpu how GPUs are used
 * @param cache the response cache
 * @param statistics what is kept of requests beside counters
 */
public record EngineOptions(RepositoryOptions repository, LoadOptions loading, BackendOptions backends,
        LimitOptions limits, SchedulingOptions scheduling, GpuOptions gpu, CacheOptions cache,
        StatisticsOptions statistics) {
    /** No models, no backends, everything else as without any flag. */
    public static final EngineOptions DEFAULT = new EngineOptions(RepositoryOptions.DEFAULT, LoadOptions.DEFAULT,
            BackendOptions.DEFAULT, LimitOptions.DEFAULT, SchedulingOptions.DEFAULT, GpuOptions.DEFAULT,
            CacheOptions.NONE, StatisticsOptions.DEFAULT);

    /** Returns these options with models in that directory. */
    public EngineOptions withRepository(Path directory) {
        return with(repository.withDirectories(List.of(directory)));
    }

    /** Returns these options with backends from there. */
    public EngineOptions withBackends(BackendSource... sources) {
        return with(backends.withSources(sources));
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(RepositoryOptions value) {
        return new EngineOptions(value, loading, backends, limits, scheduling, gpu, cache, statistics);
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(LoadOptions value) {
        return new EngineOptions(repository, value, backends, limits, scheduling, gpu, cache, statistics);
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(BackendOptions value) {
        return new EngineOptions(repository, loading, value, limits, scheduling, gpu, cache, statistics);
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(LimitOptions value) {
        return new EngineOptions(repository, loading, backends, value, scheduling, gpu, cache, statistics);
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(SchedulingOptions value) {
        return new EngineOptions(repository, loading, backends, limits, value, gpu, cache, statistics);
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(GpuOptions value) {
        return new EngineOptions(repository, loading, backends, limits, scheduling, value, cache, statistics);
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(CacheOptions value) {
        return new EngineOptions(repository, loading, backends, limits, scheduling, gpu, value, statistics);
    }

    /** Returns these options with others of that concern. */
    public EngineOptions with(StatisticsOptions value) {
        return new EngineOptions(repository, loading, backends, limits, scheduling, gpu, cache, value);
    }

    /**
     * What is kept of requests beside counters.
     *
     * @param keepsSummaries whether quantiles of latencies are kept: some 300 KiB for each model version
     * @param keepsDistribution whether a fine distribution of latencies is kept: 5 KiB for each model version
     */
    public record StatisticsOptions(boolean keepsSummaries, boolean keepsDistribution) {
        /** Neither. */
        public static final StatisticsOptions DEFAULT = new StatisticsOptions(false, false);

        /** Keeps no distribution. */
        public StatisticsOptions(boolean keepsSummaries) {
            this(keepsSummaries, false);
        }
    }

    /**
     * The response cache, for models that enable it.
     *
     * @param name {@code local} for this process's memory, else the name of a plugin; empty for no cache
     * @param settings what the cache is told
     * @param directory where plugins are; empty for none
     * @param factory a cache on the program's own class path, which takes the place of a plugin
     * @param isSingleFlight whether equal requests at the same time are executed once
     */
    public record CacheOptions(String name, Map<String, String> settings, Optional<Path> directory,
            Optional<CacheFactory> factory, boolean isSingleFlight) {
        /** The name of the cache in this process's memory. */
        public static final String LOCAL = "local";
        /** The setting of that cache that says how many bytes it holds. */
        public static final String SIZE = "size";
        /** No cache. */
        public static final CacheOptions NONE = new CacheOptions("", Map.of(), Optional.empty(), Optional.empty(),
                false);

        /** Keeps a copy of the settings. */
        public CacheOptions {
            settings = Map.copyOf(settings);
        }

        /** Returns a cache of that many bytes in this process's memory. */
        public static CacheOptions local(long bytes) {
            return new CacheOptions(LOCAL, Map.of(SIZE, Long.toString(bytes)), Optional.empty(), Optional.empty(),
                    false);
        }

        /** Returns a cache from the program's own class path. */
        public static CacheOptions of(CacheFactory factory, Map<String, String> settings) {
            return new CacheOptions(factory.name(), settings, Optional.empty(), Optional.of(factory), false);
        }

        /** Returns these options with that choice. */
        public CacheOptions withSingleFlight(boolean value) {
            return new CacheOptions(name, settings, directory, factory, value);
        }

        /** Returns these options with plugins in that directory. */
        public CacheOptions withDirectory(Path value) {
            return new CacheOptions(name, settings, Optional.of(value), factory, isSingleFlight);
        }
    }

    /**
     * Where models are, and how their configurations are read.
     *
     * @param directories directories with models
     * @param remote places with models in object storage
     * @param autoComplete whether backends complete configurations
     * @param configName the name of a custom configuration; empty for none
     * @param allowsMissing whether an engine of which a repository is missing starts all the same, never to be ready
     * @param isNamespaced whether models of one name may be in several repositories
     */
    public record RepositoryOptions(List<Path> directories, RemoteOptions remote, boolean autoComplete,
            String configName, boolean allowsMissing, boolean isNamespaced) {
        /** No repository, completed configurations, none with a name of its own. */
        public static final RepositoryOptions DEFAULT = new RepositoryOptions(List.of(), RemoteOptions.NONE, true, "",
                false, false);

        /** Keeps a copy of the list. */
        public RepositoryOptions {
            directories = List.copyOf(directories);
        }

        /** Returns these options with those directories. */
        public RepositoryOptions withDirectories(List<Path> value) {
            return new RepositoryOptions(value, remote, autoComplete, configName, allowsMissing, isNamespaced);
        }

        /** Returns these options with those places in object storage. */
        public RepositoryOptions withRemote(RemoteOptions value) {
            return new RepositoryOptions(directories, value, autoComplete, configName, allowsMissing, isNamespaced);
        }

        /** Returns these options with that choice. */
        public RepositoryOptions withAutoComplete(boolean value) {
            return new RepositoryOptions(directories, remote, value, configName, allowsMissing, isNamespaced);
        }

        /** Returns these options with that name. */
        public RepositoryOptions withConfigName(String value) {
            return new RepositoryOptions(directories, remote, autoComplete, value, allowsMissing, isNamespaced);
        }

        /** Returns these options with that choice. */
        public RepositoryOptions withMissingAllowed(boolean value) {
            return new RepositoryOptions(directories, remote, autoComplete, configName, value, isNamespaced);
        }

        /** Returns these options with that choice. */
        public RepositoryOptions withNamespaces(boolean value) {
            return new RepositoryOptions(directories, remote, autoComplete, configName, allowsMissing, value);
        }
    }

    /**
     * Models in object storage.
     *
     * @param locations where they are, such as {@code s3://bucket/models}
     * @param cacheDirectory where they are kept on the local disk; empty for a temporary directory
     * @param pluginDirectory where the plugins for kinds of object storage are; empty for none
     * @param factories kinds of object storage on the program's own class path, which go before plugins of that name
     * @param environment variables with credentials, and {@code TRITON_CLOUD_CREDENTIAL_PATH}
     */
    public record RemoteOptions(List<String> locations, Optional<Path> cacheDirectory, Optional<Path> pluginDirectory,
            List<ObjectStoreFactory> factories, Map<String, String> environment) {
        /** No models in object storage. */
        public static final RemoteOptions NONE = new RemoteOptions(List.of(), Optional.empty(), Optional.empty(),
                List.of(), Map.of());

        /** Keeps copies. */
        public RemoteOptions {
            locations = List.copyOf(locations);
            factories = List.copyOf(factories);
            environment = Map.copyOf(environment);
        }

        /** Returns these options with those locations, and credentials from the environment of this process. */
        public RemoteOptions withLocations(List<String> value) {
            return new RemoteOptions(value, cacheDirectory, pluginDirectory, factories, System.getenv());
        }

        /** Returns these options with that directory on the local disk, which outlives the engine. */
        public RemoteOptions withCacheDirectory(Path value) {
            return new RemoteOptions(locations, Optional.of(value), pluginDirectory, factories, environment);
        }

        /** Returns these options with plugins in that directory. */
        public RemoteOptions withPluginDirectory(Path value) {
            return new RemoteOptions(locations, cacheDirectory, Optional.of(value), factories, environment);
        }

        /** Returns these options with those kinds of object storage. */
        public RemoteOptions withFactories(List<ObjectStoreFactory> value) {
            return new RemoteOptions(locations, cacheDirectory, pluginDirectory, value, environment);
        }

        /** Returns these options with those variables. */
        public RemoteOptions withEnvironment(Map<String, String> value) {
            return new RemoteOptions(locations, cacheDirectory, pluginDirectory, factories, value);
        }
    }

    /**
     * When models are loaded.
     *
     * @param mode when models are loaded
     * @param startupModels models to load at the start in explicit mode
     * @param loadsAll whether the start loads every model in explicit mode
     * @param pollInterval how often poll mode looks for changes
     * @param strictReadiness whether a failed model makes the engine not ready
     * @param threads how many models load at the same time
     * @param retries how often a failed load is tried again
     * @param unloadTimeout how long versions that are unloaded or replaced wait for requests which their backend answers
     *     later; those then end with UNAVAILABLE. What is queued or being executed is waited for without a limit
     */
    public record LoadOptions(ControlMode mode, List<String> startupModels, boolean loadsAll, Duration pollInterval,
            boolean strictReadiness, int threads, int retries, Duration unloadTimeout) {
        /** All models at the start, four at a time, and never again. */
        public static final LoadOptions DEFAULT = new LoadOptions(ControlMode.NONE, List.of(), true,
                Duration.ofSeconds(15), true, 4, 0, Duration.ofMinutes(5));

        /** Keeps a copy of the list. */
        public LoadOptions {
            startupModels = List.copyOf(startupModels);
        }

        /** Returns these options with that mode; in explicit mode, no model is loaded at the start. */
        public LoadOptions withMode(ControlMode value) {
            return new LoadOptions(value, startupModels, value != ControlMode.EXPLICIT, pollInterval, strictReadiness,
                    threads, retries, unloadTimeout);
        }

        /** Returns these options with those models at the start. */
        public LoadOptions withStartupModels(List<String> value) {
            return new LoadOptions(mode, value, false, pollInterval, strictReadiness, threads, retries,
                    unloadTimeout);
        }

        /** Returns these options with all models at the start, also in explicit mode. */
        public LoadOptions withAllModels() {
            return new LoadOptions(mode, List.of(), true, pollInterval, strictReadiness, threads, retries,
                    unloadTimeout);
        }

        /** Returns these options with that interval. */
        public LoadOptions withPollInterval(Duration value) {
            return new LoadOptions(mode, startupModels, loadsAll, value, strictReadiness, threads, retries,
                    unloadTimeout);
        }

        /** Returns these options with that choice. */
        public LoadOptions withStrictReadiness(boolean value) {
            return new LoadOptions(mode, startupModels, loadsAll, pollInterval, value, threads, retries,
                    unloadTimeout);
        }

        /** Returns these options with that many threads. */
        public LoadOptions withThreads(int value) {
            return new LoadOptions(mode, startupModels, loadsAll, pollInterval, strictReadiness, value, retries,
                    unloadTimeout);
        }

        /** Returns these options with that many retries. */
        public LoadOptions withRetries(int value) {
            return new LoadOptions(mode, startupModels, loadsAll, pollInterval, strictReadiness, threads, value,
                    unloadTimeout);
        }

        /** Returns these options with that limit. */
        public LoadOptions withUnloadTimeout(Duration value) {
            return new LoadOptions(mode, startupModels, loadsAll, pollInterval, strictReadiness, threads, retries,
                    value);
        }
    }

    /**
     * Where backends are, and what they are told.
     *
     * @param sources where backends come from, the first match wins
     * @param settings settings by backend; the empty name is for all
     * @param allowsModelBackends whether a model may bring its backend along in its directory
     */
    public record BackendOptions(List<BackendSource> sources, Map<String, Map<String, String>> settings,
            boolean allowsModelBackends) {
        /** No backends, no settings; models don't bring any along. */
        public static final BackendOptions DEFAULT = new BackendOptions(List.of(), Map.of(), false);

        /** Keeps a copy of the list. */
        public BackendOptions {
            sources = List.copyOf(sources);
        }

        /** Returns the directories among the sources. */
        public List<Path> directories() {
            return sources.stream().filter(BackendSource.Directory.class::isInstance)
                    .map(source -> ((BackendSource.Directory) source).path()).toList();
        }

        /** Returns the backends among the sources that are on the program's own class path. */
        public List<BackendFactory> factories() {
            return sources.stream().filter(BackendSource.InProcess.class::isInstance)
                    .map(source -> ((BackendSource.InProcess) source).factory()).toList();
        }

        /** Returns these options with those sources. */
        public BackendOptions withSources(BackendSource... values) {
            return new BackendOptions(List.of(values), settings, allowsModelBackends);
        }

        /** Returns these options with those settings. */
        public BackendOptions withSettings(Map<String, Map<String, String>> value) {
            return new BackendOptions(sources, value, allowsModelBackends);
        }

        /** Returns these options with that choice. */
        public BackendOptions withModelBackends(boolean value) {
            return new BackendOptions(sources, settings, value);
        }
    }

    /**
     * Bounds.
     *
     * @param maxInFlightBytes bound on the memory of requests and responses
     * @param maxQueueSize bound on waiting requests for each model version
     * @param maxResponseBytes bound on what the responses of one request to a decoupled model may occupy while their receiver
     *     has not taken them; a receiver that is slower ends its request. One response may always wait
     */
    public record LimitOptions(long maxInFlightBytes, int maxQueueSize, long maxResponseBytes) {
        /** A gigabyte, and as many waiting requests as the server's flag allows where it is not given. */
        public static final LimitOptions DEFAULT = new LimitOptions(1L << 30, 4096, 64L << 20);

        /** Returns these options with that bound. */
        public LimitOptions withMaxInFlightBytes(long value) {
            return new LimitOptions(value, maxQueueSize, maxResponseBytes);
        }

        /** Returns these options with that bound. */
        public LimitOptions withMaxQueueSize(int value) {
            return new LimitOptions(maxInFlightBytes, value, maxResponseBytes);
        }

        /** Returns these options with that bound. */
        public LimitOptions withMaxResponseBytes(long value) {
            return new LimitOptions(maxInFlightBytes, maxQueueSize, value);
        }
    }

    /**
     * How instances are created and share the machine.
     *
     * @param rateLimit the resources where executions share them between models; empty where each free instance executes
     * @param hostPolicies where the threads of instances run, by the name of the policy
     * @param parallelInstanceLoading whether instances of one model are created at the same time; empty for what the
     *     backend says
     * @param firstBatchAt how many requests wait before a model with dynamic or sequence batching executes its first, so that
     *     tests know what is executed together; 0 for none
     * @param firstBacklogAt how many more requests wait before that, of sequences without a slot; 0 for none
     */
    public record SchedulingOptions(Optional<List<RateResource>> rateLimit, Map<String, HostPolicy> hostPolicies,
            Optional<Boolean> parallelInstanceLoading, int firstBatchAt, int firstBacklogAt) {
        /** No rate limiter, no policies, instances as the backend says. */
        public static final SchedulingOptions DEFAULT = new SchedulingOptions(Optional.empty(), Map.of(),
                Optional.empty(), 0, 0);

        /** Keeps a copy of the list. */
        public SchedulingOptions {
            rateLimit = rateLimit.map(List::copyOf);
        }

        /** Returns these options with executions that share those resources between models. */
        public SchedulingOptions withRateLimit(List<RateResource> resources) {
            return new SchedulingOptions(Optional.of(resources), hostPolicies, parallelInstanceLoading, firstBatchAt,
                    firstBacklogAt);
        }

        /** Returns these options with those policies. */
        public SchedulingOptions withHostPolicies(Map<String, HostPolicy> value) {
            return new SchedulingOptions(rateLimit, value, parallelInstanceLoading, firstBatchAt,
                    firstBacklogAt);
        }

        /** Returns these options with that choice, whatever backends say. */
        public SchedulingOptions withParallelInstanceLoading(boolean value) {
            return new SchedulingOptions(rateLimit, hostPolicies, Optional.of(value), firstBatchAt,
                    firstBacklogAt);
        }
    }

    /**
     * How much there is of a resource that executions share.
     *
     * @param name the resource
     * @param count how much
     * @param device the device that has it; empty for as much on each device, and for resources that all devices share
     */
    public record RateResource(String name, long count, OptionalInt device) {
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

        /** Returns these options with that choice. */
        public GpuOptions withAllowed(boolean value) {
            return new GpuOptions(value, minimumCapability, pinnedPoolBytes, loadLimits);
        }

        /** Returns these options with that bound. */
        public GpuOptions withMinimumCapability(ComputeCapability value) {
            return new GpuOptions(isAllowed, value, pinnedPoolBytes, loadLimits);
        }

        /** Returns these options with that size. */
        public GpuOptions withPinnedPoolBytes(long value) {
            return new GpuOptions(isAllowed, minimumCapability, value, loadLimits);
        }

        /** Returns these options with those limits. */
        public GpuOptions withLoadLimits(Map<Integer, Double> value) {
            return new GpuOptions(isAllowed, minimumCapability, pinnedPoolBytes, value);
        }
    }
}
