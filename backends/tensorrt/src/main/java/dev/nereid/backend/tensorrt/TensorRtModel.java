package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StagingMemory;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Optional;
import java.util.OptionalInt;

/** A loaded plan file: its engines, one for each GPU that has instances. */
final class TensorRtModel implements Model {
    private static final Logger LOGGER = System.getLogger(TensorRtModel.class.getName());

    private final TensorRt trt;
    private final StagingMemory staging;
    private final TrtParameters parameters;
    private final SharedEngines engines;
    private final Optional<ModelConfig> completed;

    private TensorRtModel(TensorRt trt, StagingMemory staging, TrtParameters parameters, SharedEngines engines,
            Optional<ModelConfig> completed) {
        this.trt = trt;
        this.staging = staging;
        this.parameters = parameters;
        this.engines = engines;
        this.completed = completed;
    }

    static TensorRtModel create(ModelContext context, TensorRt trt, boolean versionCompatible, StagingMemory staging) {
        ModelConfig config = context.config();
        TrtParameters parameters = TrtParameters.parse(context.name(), config.parameters());
        config.instanceGroups().forEach(group -> checkKind(context.name(), group.kind()));
        if (config.optimization().eagerBatching()) {
            LOGGER.log(Level.WARNING,
                    () -> "eager_batching of model '" + context.name() + "' has no effect: an instance is"
                            + " given its next batch when it has answered the last; more instances overlap their work");
        }
        if (config.optimization().gatherKernelBufferThreshold() > 0) {
            LOGGER.log(Level.WARNING, () -> "gather_kernel_buffer_threshold of model '" + context.name()
                    + "' has no effect: inputs are gathered in the host's memory");
        }
        SharedEngines engines = new SharedEngines(trt,
                (runtime, file) -> load(context, trt, versionCompatible, parameters, runtime, file));
        try {
            Optional<ModelConfig> completed = Optional.empty();
            if (context.autoComplete()) {
                int device = config.instanceGroups().stream().flatMap(group -> group.gpus().stream()).findFirst()
                        .orElse(0);
                TrtEngine engine = engines.engine(device, accelerator(config.instanceGroups().stream().findFirst()),
                        file(config, trt.device(device)));
                completed = Optional.of(ConfigCompletion.complete(config, engine.layout()));
            }
            return new TensorRtModel(trt, staging, parameters, engines, completed);
        } catch (RuntimeException | Error e) {
            engines.close();
            throw e;
        }
    }

    private static TrtEngine load(ModelContext context, TensorRt trt, boolean versionCompatible,
            TrtParameters parameters, TrtRuntime runtime, String file) {
        try (PlanFile plan = PlanFile.open(context.name(), context.versionDirectory(), file)) {
            PlanHeader.check(context.name(), plan.content(), trt.version(), versionCompatible);
            TrtEngine engine = runtime.load(plan.content());
            try {
                applyBudget(context.name(), engine, parameters);
                return engine;
            } catch (RuntimeException | Error e) {
                engine.close();
                throw e;
            }
        }
    }

    private static void applyBudget(String model, TrtEngine engine, TrtParameters parameters) {
        if (parameters.weightBudget().isEmpty()) {
            return;
        }
        long streamable = engine.layout().streamableWeights();
        if (streamable == 0) {
            throw InferenceException.invalid("'" + TrtParameters.WEIGHT_BUDGET + "' is set for model '" + model
                    + "', but the weights of its engine can't be streamed; build it with --allowWeightStreaming");
        }
        long wanted = parameters.weightBudget().get();
        long budget = wanted < 0 ? engine.automaticWeightBudget() : Math.min(wanted, streamable);
        engine.setWeightBudget(budget);
        LOGGER.log(Level.INFO, () -> "model '" + model + "' keeps " + budget + " of " + streamable
                + " bytes of streamable weights on the GPU");
    }

    private static void checkKind(String model, InstanceGroup.Kind kind) {
        if (kind == InstanceGroup.Kind.CPU || kind == InstanceGroup.Kind.MODEL) {
            throw InferenceException
                    .unsupported("unable to load model '" + model + "', TensorRT backend supports only GPU device");
        }
    }

    private static String file(ModelConfig config, TensorRt.GpuDevice device) {
        return config.ccModelFilenames().getOrDefault(device.computeCapability(), config.defaultModelFilename());
    }

    private static OptionalInt accelerator(Optional<InstanceGroup> group) {
        return group.flatMap(known -> known.secondaryDevices().stream().findFirst())
                .map(device -> OptionalInt.of(Math.toIntExact(device.deviceId()))).orElse(OptionalInt.empty());
    }

    @Override
    public Optional<ModelConfig> completedConfig() {
        return completed;
    }

    @Override
    public ModelInstance createInstance(InstanceContext context) {
        checkKind(context.config().name(), context.kind());
        int device = context.deviceId();
        trt.use(device);
        String file = context.modelFilename().equals(context.config().defaultModelFilename())
                ? file(context.config(), trt.device(device))
                : context.modelFilename();
        TrtEngine engine = engines.engine(device, accelerator(Optional.of(context.group())), file);
        return TensorRtInstance.create(context, trt, engine, parameters, staging);
    }

    @Override
    public void close() {
        engines.close();
    }
}
