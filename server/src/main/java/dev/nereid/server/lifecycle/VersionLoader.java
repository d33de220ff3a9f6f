package dev.nereid.server.lifecycle;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.ConfigJson;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.Devices;
import dev.nereid.repository.config.ModelConfigs;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.server.plugin.Backends;
import dev.nereid.server.plugin.LoadedBackend;
import dev.nereid.server.plugin.PluginCalls;
import dev.nereid.server.request.RequestValidator;
import dev.nereid.server.scheduler.Dispatcher;
import dev.nereid.server.scheduler.Instance;
import dev.nereid.server.scheduler.Schedulers;
import dev.nereid.server.stats.ModelStatistics;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Loads one version of a model: backend, model, completed and checked configuration, instances, warm-up. Whatever fails,
 * what was created before is closed again, so that a model never half-loads.
 */
final class VersionLoader {
    private static final Logger LOGGER = System.getLogger(VersionLoader.class.getName());

    private final Backends backends;
    private final ConfigLoader configs;
    private final Devices devices;
    private final Schedulers schedulers;
    private final WarmUp warmUp;
    private final CallDesk calls;

    VersionLoader(Backends backends, ConfigLoader configs, Devices devices, Schedulers schedulers, WarmUp warmUp,
            CallDesk calls) {
        this.backends = backends;
        this.configs = configs;
        this.devices = devices;
        this.schedulers = schedulers;
        this.warmUp = warmUp;
        this.calls = calls;
    }

    /**
     * Loads a version; blocks for as long as that takes.
     *
     * @throws InferenceException with the reason
     */
    ServedVersion load(PolledModel polled, long version) {
        long start = System.nanoTime();
        var config = polled.config();
        LoadedBackend backend = backends.get(config.getBackend());
        config = ConfigLoader.withInstances(config, devices, backend.attributes());
        checkFiles(polled, version);
        ModelConfig initial = ModelConfigs.toRecord(config);
        Context context = new Context(polled.name(), version, polled.directory(), polled.versionDirectory(version),
                initial, configs.isAutoCompleteOn(), calls.callsOf(polled.name()));
        String who = "model '" + polled.name() + "'";
        Model model = PluginCalls.call(who, "load", backend.classLoader(), () -> backend.backend().createModel(context));
        try {
            var completed = context.autoComplete()
                    ? PluginCalls.call(who, "complete its configuration", backend.classLoader(), model::completedConfig)
                    : Optional.<ModelConfig>empty();
            var complete = configs.complete(config, completed);
            ModelConfig checked = ModelConfigs.toRecord(complete);
            Map<String, List<String>> labels = ModelFiles.labels(complete, polled.directory());
            ModelStatistics statistics = new ModelStatistics();
            Dispatcher dispatcher = schedulers.dispatcher(checked, statistics);
            List<Instance> passive = createInstances(backend, model, checked, dispatcher, polled);
            return new ServedVersion(version, checked, ConfigJson.write(complete), backend, model, dispatcher,
                    passive, statistics, labels, Duration.ofNanos(System.nanoTime() - start));
        } catch (Throwable e) {
            ServedVersion.closeModel(polled.name(), model, backend.classLoader());
            throw e;
        }
    }

    private static void checkFiles(PolledModel polled, long version) {
        Path directory = polled.versionDirectory(version);
        if (!polled.config().getDefaultModelFilename().isEmpty()) {
            ModelFiles.modelFile(directory, polled.config().getDefaultModelFilename());
        }
        polled.config().getCcModelFilenamesMap().values().forEach(file -> ModelFiles.modelFile(directory, file));
    }

    /** Creates all instances, warms them up, and puts them into service together. Returns the passive ones. */
    private List<Instance> createInstances(LoadedBackend backend, Model model, ModelConfig config,
            Dispatcher dispatcher, PolledModel polled) {
        List<Instance> active = new ArrayList<>();
        List<Instance> passive = new ArrayList<>();
        RequestValidator validator = new RequestValidator(config);
        try {
            for (InstanceSpec spec : InstanceSpec.of(config)) {
                Instance instance = create(backend, model, spec);
                (spec.group().isPassive() ? passive : active).add(instance);
                warmUp.run(instance, config, validator, polled.directory());
            }
        } catch (Throwable e) {
            active.forEach(instance -> ServedVersion.closeInstance(instance, backend.classLoader()));
            passive.forEach(instance -> ServedVersion.closeInstance(instance, backend.classLoader()));
            throw e;
        }
        active.forEach(dispatcher::add);
        return passive;
    }

    private static Instance create(LoadedBackend backend, Model model, InstanceSpec spec) {
        LOGGER.log(Level.DEBUG, () -> "creating instance " + spec.name() + " (" + spec.kind() + " device "
                + spec.deviceId() + ")");
        return Instance.create(spec.name(), backend.attributes().threadConfinement(), backend.classLoader(),
                () -> PluginCalls.<ModelInstance>call("instance '" + spec.name() + "'", "be created",
                        backend.classLoader(), () -> model.createInstance(spec)));
    }

    private record Context(String name, long version, Path modelDirectory, Path versionDirectory, ModelConfig config,
            boolean autoComplete, ModelCalls models) implements ModelContext {}

    /** One instance to create. */
    record InstanceSpec(String name, InstanceGroup.Kind kind, int deviceId, InstanceGroup group, ModelConfig config)
            implements InstanceContext {

        static List<InstanceSpec> of(ModelConfig config) {
            List<InstanceSpec> specs = new ArrayList<>();
            for (InstanceGroup group : config.instanceGroups()) {
                List<Integer> devices = group.kind() == InstanceGroup.Kind.GPU ? group.gpus() : List.of(0);
                for (int device : devices) {
                    for (int i = 0; i < group.count(); i++) {
                        specs.add(new InstanceSpec(group.name() + "_" + i, group.kind(), device, group, config));
                    }
                }
            }
            return specs;
        }
    }
}
