package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.bytedeco.pytorch.InferenceMode;
import org.jspecify.annotations.Nullable;

/**
 * A loaded model file.
 *
 * <p>Each instance has a module of its own, unless the configuration asks for shared weights: then there is one for each
 * device, closed with the model. The module that was loaded to check the configuration becomes the first instance's.
 * Instances are created and closed on threads of their own, so the modules are guarded by this object's monitor; loading
 * happens outside of it.
 */
final class PyTorchModel implements Model {
    private static final Logger LOGGER = System.getLogger(PyTorchModel.class.getName());
    private static final ReentrantLock TRIALS = new ReentrantLock();

    private final TorchEnvironment environment;
    private final ModelFormat format;
    private final ModelConfig config;
    private final TorchParameters parameters;
    /** Those for the CPU, for which a trial may have found better ones. */
    private final TorchParameters cpuParameters;
    private final Path versionDirectory;
    private final InputPlan inputs;
    private final OutputPlan outputs;
    private final Map<Source, LoadedModule> shared = new HashMap<>();
    /** The modules of instances that have one of their own. */
    private final Set<LoadedModule> owned = new HashSet<>();
    private final Source spareSource;
    private @Nullable LoadedModule spare;
    private volatile boolean usesGpus;

    private PyTorchModel(TorchEnvironment environment, ModelFormat format, ModelConfig config,
            TorchParameters parameters, TorchParameters cpuParameters, Path versionDirectory, InputPlan inputs,
            OutputPlan outputs, Source spareSource, LoadedModule checked) {
        this.environment = environment;
        this.format = format;
        this.config = config;
        this.parameters = parameters;
        this.cpuParameters = cpuParameters;
        this.versionDirectory = versionDirectory;
        this.inputs = inputs;
        this.outputs = outputs;
        this.spareSource = spareSource;
        this.spare = checked;
    }

    /** What a module is loaded from, and where to. */
    private record Source(TorchDevice device, Path file) {
    }

    static PyTorchModel create(ModelContext context, TorchEnvironment environment) {
        ModelConfig config = context.config();
        TorchParameters parameters = TorchParameters.parse(config.parameters());
        ModelFormat format = ModelFormat.of(config);
        Path file = ModelFile.locate(context.name(), context.versionDirectory(), config.defaultModelFilename(), format);
        ModelFile.check(context.name(), file, format);
        parameters.switches(context.name()).forEach(line -> LOGGER.log(Level.INFO, line));
        environment.torch().apply(parameters);
        parameters.interOpThreads().ifPresent(count -> environment.budget().requestInterOp(context.name(), count));
        TorchDevice device = TorchDevice.first(config, environment.gpus());
        LoadedModule module = load(environment, format, context.name(), parameters, new Source(device, file));
        if (module.startsTasks()) {
            environment.budget().boundInterOp();
        }
        try {
            ForwardSignature signature = module.signature();
            InputPlan inputs = InputPlan.of(config, signature);
            OutputPlan outputs = OutputPlan.of(config, signature, inputs);
            logNames(context, signature, inputs, outputs);
            Source source = new Source(device, file);
            Optional<OptimizationTrial.Outcome> rewritten = rewritten(environment, format, config, parameters, inputs,
                    source, module);
            if (rewritten.isPresent()) {
                module = rewritten.get().module();
            }
            return new PyTorchModel(environment, format, config, parameters,
                    rewritten.map(outcome -> outcome.rewriting().apply(parameters)).orElse(parameters),
                    context.versionDirectory(), inputs, outputs, source, module);
        } catch (RuntimeException | Error e) {
            module.close();
            throw e;
        }
    }

    /**
     * Returns the module that was rewritten at its load, where a trial shows that it serves the model better; {@code plain}
     * is then closed.
     */
    private static Optional<OptimizationTrial.Outcome> rewritten(TorchEnvironment environment, ModelFormat format,
            ModelConfig config, TorchParameters parameters, InputPlan inputs, Source source, LoadedModule plain) {
        if (!environment.optimizes() || !parameters.triesOptimizing() || !(source.device() instanceof TorchDevice.Cpu)
                || !inputs.isFixed() || !plain.canBeTried() || !plain.canBeOptimized()
                || !OptimizationTrial.hasRoomFor(plain)) {
            return Optional.empty();
        }
        OptimizationTrial trial = new OptimizationTrial(config.name(), inputs, config.maxBatchSize(),
                System::nanoTime);
        // Models that are loaded at once would slow each other's down.
        TRIALS.lock();
        try {
            Optional<OptimizationTrial.Outcome> outcome = inTrial(environment, parameters, () -> trial.run(plain,
                    rewriting -> rewritten(rewriting, environment, format, config, parameters, source, plain)));
            if (outcome.isPresent()) {
                plain.close();
            }
            return outcome;
        } finally {
            // Modules are gone, with their weights.
            environment.torch().trimHeap();
            TRIALS.unlock();
        }
    }

    private static <T> T inTrial(TorchEnvironment environment, TorchParameters parameters, Supplier<T> trial) {
        try (ThreadBudget.Lease threads = environment.budget().lease(parameters.intraOpThreads());
                InferenceMode _ = new InferenceMode(true)) {
            threads.apply();
            return trial.get();
        } finally {
            environment.torch().releaseWorkers();
        }
    }

    private static Optional<LoadedModule> rewritten(Rewriting rewriting, TorchEnvironment environment,
            ModelFormat format, ModelConfig config, TorchParameters parameters, Source source, LoadedModule plain) {
        if (rewriting == Rewriting.CHANNELS_LAST && !plain.hasChannels()) {
            return Optional.empty();
        }
        // What the last one leaves behind would be on top of the next.
        environment.torch().trimHeap();
        LoadedModule module = format.load(config.name(), source.file(), source.device(), environment.gpus(),
                rewriting.apply(parameters));
        if (rewriting == Rewriting.CHANNELS_LAST && module.mayLookAtLayout()) {
            module.close();
            return Optional.empty();
        }
        return Optional.of(module);
    }

    /** Freezing computes, on several threads. */
    private static LoadedModule load(TorchEnvironment environment, ModelFormat format, String name,
            TorchParameters parameters, Source source) {
        try {
            return format.load(name, source.file(), source.device(), environment.gpus(), parameters);
        } finally {
            environment.torch().releaseWorkers();
        }
    }

    private static void logNames(ModelContext context, ForwardSignature signature, InputPlan inputs,
            OutputPlan outputs) {
        boolean isGuess = inputs.names().rule() == TensorNames.Rule.CONFIG_ORDER;
        LOGGER.log(isGuess ? Level.WARNING : Level.INFO, () -> "model '" + context.name() + "' version "
                + context.version() + " has forward" + signature + "; inputs by " + inputs.names().rule() + " "
                + inputs.names().positions() + ", outputs by " + outputs.names().rule() + " "
                + outputs.names().positions()
                + (isGuess
                        ? "; the inputs' names are neither arguments of forward nor <name>__<index>, so they are taken"
                                + " in the order of the configuration"
                        : ""));
    }

    @Override
    public ModelInstance createInstance(InstanceContext context) {
        TorchDevice device = TorchDevice.of(context, environment.gpus());
        if (device instanceof TorchDevice.Gpu) {
            usesGpus = true;
        }
        Source source = new Source(device,
                ModelFile.locate(config.name(), versionDirectory, context.modelFilename(), format));
        if (!source.file().equals(spareSource.file())) {
            // One for this GPU's compute capability.
            ModelFile.check(config.name(), source.file(), format);
        }
        boolean isShared = parameters.weightSharing() && !(device instanceof TorchDevice.AsSaved);
        LoadedModule module = module(source, isShared);
        try {
            PyTorchInstance instance = PyTorchInstance.create(context.name(), config, parameters, inputs, outputs,
                    module,
                    isShared ? () -> {
                    } : () -> closeOwned(module), device, environment);
            if (!isShared) {
                synchronized (this) {
                    owned.add(module);
                }
            }
            return instance;
        } catch (RuntimeException | Error e) {
            if (!isShared) {
                module.close();
            }
            throw e;
        }
    }

    private void closeOwned(LoadedModule module) {
        synchronized (this) {
            owned.remove(module);
        }
        module.close();
    }

    @Override
    public synchronized List<MemoryUsage> memoryUsage() {
        List<MemoryUsage> all = new ArrayList<>();
        owned.forEach(module -> all.addAll(module.memoryUsage()));
        shared.values().forEach(module -> all.addAll(module.memoryUsage()));
        if (spare != null) {
            all.addAll(spare.memoryUsage());
        }
        return all;
    }

    private LoadedModule module(Source source, boolean isShared) {
        synchronized (this) {
            LoadedModule known = isShared ? shared.get(source) : null;
            if (known != null) {
                return known;
            }
            if (source.equals(spareSource) && spare != null) {
                LoadedModule first = spare;
                spare = null;
                if (isShared) {
                    shared.put(source, first);
                }
                return first;
            }
        }
        LoadedModule loaded = load(environment, format, config.name(),
                source.device() instanceof TorchDevice.Cpu ? cpuParameters : parameters, source);
        if (!isShared) {
            return loaded;
        }
        synchronized (this) {
            LoadedModule first = shared.putIfAbsent(source, loaded);
            if (first == null) {
                return loaded;
            }
            loaded.close();
            return first;
        }
    }

    @Override
    public synchronized void close() {
        if (spare != null) {
            spare.close();
            spare = null;
        }
        shared.values().forEach(LoadedModule::close);
        shared.clear();
        if (usesGpus) {
            environment.gpus().emptyCache();
        }
        environment.torch().trimHeap();
    }
}
