package dev.nereid.engine.model;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.engine.EngineOptions.LimitOptions;
import dev.nereid.engine.EngineOptions.SchedulingOptions;
import dev.nereid.engine.EngineOptions.StatisticsOptions;
import dev.nereid.engine.gpu.Gpus;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.plugin.BackendHost;
import dev.nereid.engine.plugin.LoadedBackend;
import dev.nereid.engine.plugin.PluginCalls;
import dev.nereid.engine.schedule.SchedulerFactory;
import dev.nereid.engine.stats.BackendMetrics;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.BatchingAdvice;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.InitialStates;
import dev.nereid.repository.config.ModelConfigs;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.SequenceAdvice;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * Loads one version of a model: backend, model, completed and checked configuration, instances, warm-up. Whatever fails,
 * what was created before is closed again, so that a model never half-loads.
 */
final class VersionLoader {
    private static final Logger LOGGER = System.getLogger(VersionLoader.class.getName());
    private static final String STRATEGY_LIBRARY = "TRITON_BATCH_STRATEGY_PATH";

    private final ModelBackends backends;
    private final ConfigLoader configs;
    private final Gpus gpus;
    private final SchedulerFactory schedulers;
    private final WarmUp warmUp;
    private final ModelCallService calls;
    private final EnsembleLoader ensembles;
    private final Caching caching;
    private final SchedulingOptions scheduling;
    private final LimitOptions limits;
    private final StatisticsOptions statisticsOptions;

    VersionLoader(ModelBackends backends, ConfigLoader configs, Gpus gpus, SchedulerFactory schedulers, WarmUp warmUp,
            ModelCallService calls, EnsembleLoader ensembles, Caching caching, SchedulingOptions scheduling,
            LimitOptions limits, StatisticsOptions statisticsOptions) {
        this.backends = backends;
        this.configs = configs;
        this.gpus = gpus;
        this.schedulers = schedulers;
        this.warmUp = warmUp;
        this.calls = calls;
        this.ensembles = ensembles;
        this.caching = caching;
        this.scheduling = scheduling;
        this.limits = limits;
        this.statisticsOptions = statisticsOptions;
    }

    /**
     * Loads a version; blocks for as long as that takes.
     *
     * @throws InferenceException with the reason
     */
    ServedVersion load(PolledModel polled, long version) {
        long start = System.nanoTime();
        if (EnsembleLoader.isEnsemble(polled)) {
            if (polled.config().containsParameters(BackendHost.PARAMETER)) {
                LOGGER.log(Level.WARNING,
                        () -> "model '" + polled.name() + "' is an ensemble, of which nothing works in a"
                                + " process: its parameter " + BackendHost.PARAMETER
                                + " has no effect; give it to its models");
            }
            return ensembles.load(polled, version);
        }
        LoadedBackend backend = backends.of(polled, version);
        try {
            return load(polled, version, backend, start);
        } catch (Throwable e) {
            backend.releaseModel();
            throw e;
        }
    }

    private ServedVersion load(PolledModel polled, long version, LoadedBackend backend, long start) {
        var config = ConfigLoader.withInstances(polled.config(), gpus.devices(), backend.attributes());
        checkFiles(polled, version);
        ModelConfig initial = ModelConfigs.toRecord(config);
        String who = "model '" + polled.name() + "'";
        LoadedModel model = create(who, polled, version, initial, backend);
        try {
            var completed = configs.isAutoCompleteOn()
                    ? PluginCalls.call(who, "complete its configuration", backend.classLoader(),
                            model.model()::completedConfig)
                    : Optional.<ModelConfig>empty();
            var complete = configs.complete(config, completed);
            VersionConfig forms = VersionConfig.of(complete);
            ModelConfig checked = forms.record();
            Map<String, List<String>> labels = ModelFiles.labels(complete, polled.directory());
            ModelStatistics statistics = new ModelStatistics(checked.histogramBuckets(),
                    statisticsOptions.keepsSummaries());
            Optional<BatchingStrategy> strategy = checked.scheduling() instanceof DynamicBatching
                    ? strategy(who, checked, model)
                    : Optional.empty();
            List<InitialStates.Start> states = InitialStates.read(complete, polled.directory());
            InitialStates.ignored(complete).forEach(warning -> LOGGER.log(Level.WARNING, () -> who + ": " + warning));
            InstanceSet instances = new InstanceSet(model,
                    schedulers.scheduler(checked, statistics, strategy, backend.classLoader(), states),
                    new InstanceFactory(model, schedulers.limiter(), scheduling), gpus);
            AtomicLong executionNanos = new AtomicLong();
            instances.apply(
                    instances.prepare(InstanceSpec.of(checked, gpus), warmUp(forms, states, polled, executionNanos)));
            Optional<Duration> execution = Optional.of(Duration.ofNanos(executionNanos.get()))
                    .filter(Duration::isPositive);
            BatchingAdvice.of(checked, execution)
                    .forEach(advice -> LOGGER.log(Level.WARNING, () -> who + ", dynamic_batching: " + advice));
            SequenceAdvice.of(checked, execution)
                    .forEach(advice -> LOGGER.log(Level.WARNING, () -> who + ", sequence_batching: " + advice));
            String identity = caching.identity(polled, version, forms.json());
            return new ServedVersion(polled.id(), version, forms, instances,
                    caching.before(instances.scheduler(), checked, () -> identity, statistics), () -> identity,
                    statistics, labels, Duration.ofNanos(System.nanoTime() - start), limits.maxResponseBytes());
        } catch (Throwable e) {
            model.close();
            throw e;
        }
    }

    private static Optional<BatchingStrategy> strategy(String who, ModelConfig config, LoadedModel model) {
        if (config.parameters().containsKey(STRATEGY_LIBRARY)) {
            throw InferenceException.unsupported(who + " names a native library in its parameter " + STRATEGY_LIBRARY
                    + ", which can't be used; here a backend offers a batching strategy, remove the parameter");
        }
        return PluginCalls.call(who, "say how it batches", model.backend().classLoader(),
                model.model()::batchingStrategy);
    }

    private LoadedModel create(String who, PolledModel polled, long version, ModelConfig config,
            LoadedBackend backend) {
        BackendMetrics.Owned metrics = backends.backends().metrics().of(who,
                ModelBackends.labels(polled, version));
        Context context = new Context(polled.name(), version, polled.directory(), polled.versionDirectory(version),
                config, configs.isAutoCompleteOn(), calls.callsOf(polled.id()), metrics);
        try {
            Model model = PluginCalls.call(who, "load", backend.classLoader(),
                    () -> backend.backend().createModel(context));
            return new LoadedModel(polled.name(), model, backend, metrics);
        } catch (Throwable e) {
            metrics.close();
            throw e;
        }
    }

    /**
     * Checks an ensemble against its models; any other model is left to its load.
     *
     * @throws InferenceException with what is wrong
     */
    void checkModels(PolledModel polled) {
        if (EnsembleLoader.isEnsemble(polled)) {
            boolean ignored = ensembles.check(polled);
        }
    }

    /** Returns whether a model asks for other instance groups than a version has. */
    boolean hasOtherInstances(ServedVersion current, PolledModel polled) {
        Optional<InstanceSet> instances = current.instances();
        if (instances.isEmpty()) {
            return false;
        }
        var asked = ConfigLoader.withInstances(polled.config(), gpus.devices(),
                instances.get().backend().attributes());
        return !asked.getInstanceGroupList().equals(current.completeConfig().getInstanceGroupList());
    }

    /**
     * Prepares the change of a version that serves, of whose configuration only instance groups and version policy are
     * different. What a backend completed when the model was loaded stays.
     *
     * @throws InferenceException when a new instance can't be created; the version serves on as it is
     */
    VersionUpdate update(ServedVersion current, PolledModel polled) {
        InstanceSet instances = current.instances().orElseThrow();
        var asked = ConfigLoader.withInstances(polled.config(), gpus.devices(), instances.backend().attributes());
        var complete = current.completeConfig().toBuilder().clearInstanceGroup()
                .addAllInstanceGroup(asked.getInstanceGroupList()).setVersionPolicy(asked.getVersionPolicy()).build();
        VersionConfig forms = VersionConfig.of(complete);
        return new VersionUpdate(current.with(forms), instances,
                instances.prepare(InstanceSpec.of(forms.record(), gpus), warmUp(forms,
                        InitialStates.read(complete, polled.directory()), polled, new AtomicLong())));
    }

    /** Returns what warms an instance up; {@code nanos} gets the time of the last execution. */
    private Consumer<Instance> warmUp(VersionConfig config, List<InitialStates.Start> states, PolledModel polled,
            AtomicLong nanos) {
        return instance -> warmUp.run(instance, config.record(), states, config.validator(), polled.directory())
                .ifPresent(time -> nanos.set(time.toNanos()));
    }

    private static void checkFiles(PolledModel polled, long version) {
        Path directory = polled.versionDirectory(version);
        if (!polled.config().getDefaultModelFilename().isEmpty()) {
            ModelFiles.modelFile(directory, polled.config().getDefaultModelFilename());
        }
        polled.config().getCcModelFilenamesMap().values().forEach(file -> ModelFiles.modelFile(directory, file));
    }

    private record Context(String name, long version, Path modelDirectory, Path versionDirectory, ModelConfig config,
            boolean autoComplete, ModelCalls models, BackendMetrics.Owned metrics) implements ModelContext {
    }
}
