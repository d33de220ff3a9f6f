package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.tensorrt.EngineLayout.IoTensor;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Fills in what a configuration leaves open and the engine tells: inputs, outputs, largest batch, batching. */
final class ConfigCompletion {
    private static final Logger LOGGER = System.getLogger(ConfigCompletion.class.getName());

    private final ModelConfig config;
    private final EngineLayout engine;

    private ConfigCompletion(ModelConfig config, EngineLayout engine) {
        this.config = config;
        this.engine = engine;
    }

    /**
     * Returns the completed configuration.
     *
     * @throws InferenceException with the reference's text where configuration and engine contradict each other
     */
    static ModelConfig complete(ModelConfig config, EngineLayout engine) {
        ConfigCompletion completion = new ConfigCompletion(config, engine);
        int maxBatchSize = completion.maxBatchSize();
        ModelConfig.Builder completed = config.toBuilder().maxBatchSize(maxBatchSize)
                .inputs(completion.inputs(maxBatchSize > 0)).outputs(completion.outputs(maxBatchSize > 0));
        if (maxBatchSize > 1 && config.scheduling() instanceof Scheduling.Direct) {
            completed.scheduling(
                    new Scheduling.DynamicBatching(List.of(), 0, false, 0, 0, QueuePolicy.DEFAULT, Map.of()));
        }
        return completed.build();
    }

    private int maxBatchSize() {
        checkNames("input", config.inputs().stream().map(ModelInput::name).toList(), engine.inputs());
        checkNames("output", config.outputs().stream().map(ModelOutput::name).toList(), engine.outputs());
        int supported = supportedBatchSize();
        Optional<Boolean> hint = batchHint();
        if (hint.orElse(false) && supported == 0) {
            throw InferenceException.internal("autofill failed for model '" + config.name() + "': model tensor shape"
                    + " configuration hints for dynamic batching but the underlying engine doesn't support batching.");
        }
        if (hint.isPresent() && !hint.get()) {
            LOGGER.log(Level.WARNING, () -> "The specified dimensions in model config for " + config.name()
                    + " hints that batching is unavailable");
            supported = 0;
        }
        if (config.maxBatchSize() > supported) {
            throw InferenceException.internal("autofill failed for model '" + config.name()
                    + "': configuration specified max-batch " + config.maxBatchSize()
                    + " but TensorRT engine only supports max-batch " + supported);
        }
        return config.maxBatchSize() == 0 ? supported : config.maxBatchSize();
    }

    private static void checkNames(String kind, List<String> configured, List<IoTensor> tensors) {
        Set<String> allowed = tensors.stream().map(IoTensor::name).collect(Collectors.toCollection(TreeSet::new));
        for (String name : configured) {
            if (!allowed.contains(name)) {
                throw InferenceException.invalid("unexpected inference " + kind + " '" + name + "', allowed " + kind
                        + "s are: " + String.join(", ", allowed));
            }
        }
    }

    /** Returns the largest batch that the configured profiles allow; 0 where the engine has no batch dimension. */
    private int supportedBatchSize() {
        if (!engine.tensors().stream().allMatch(ConfigCompletion::mayBatch)) {
            return 0;
        }
        Set<Integer> profiles = new TreeSet<>();
        for (InstanceGroup group : config.instanceGroups()) {
            for (String name : group.profiles()) {
                int index = ProfileChoice.parse(name);
                if (index >= engine.profiles().size()) {
                    throw InferenceException.internal("unable to autofill for '" + config.name()
                            + "', configuration specified invalid profile " + name
                            + " . Number of profiles supported by TensorRT engine: " + engine.profiles().size());
                }
                profiles.add(index);
            }
        }
        if (profiles.isEmpty()) {
            profiles.add(0);
        }
        long largest = 0;
        for (int index : profiles) {
            largest = Math.max(largest, ProfileChoice.maxBatchSize(engine, engine.profiles().get(index)));
        }
        return (int) Math.min(Integer.MAX_VALUE, largest);
    }

    /**
     * A first dimension that is fixed to more than one is no batch dimension: smaller batches would not run. (The
     * reference takes it for one and fails with the first request.)
     */
    private static boolean mayBatch(IoTensor tensor) {
        if (tensor.isShape()) {
            return tensor.dims().rank() == 1 && tensor.dims().get(0) > 1;
        }
        return tensor.dims().rank() > 0 && (tensor.dims().get(0) == Dims.ANY || tensor.dims().get(0) == 1);
    }

    /** Returns whether the configured dims leave out a batch dimension; empty where no dims are configured. */
    private Optional<Boolean> batchHint() {
        if (config.inputs().stream().anyMatch(ModelInput::allowRaggedBatch)) {
            return Optional.of(true);
        }
        Optional<Boolean> hint = Optional.empty();
        List<Map.Entry<String, Dims>> configured = new ArrayList<>();
        config.inputs().stream().filter(input -> isGiven(input.dims(), input.reshape()))
                .forEach(input -> configured.add(Map.entry(input.name(), input.backendDims())));
        config.outputs().stream().filter(output -> isGiven(output.dims(), output.reshape()))
                .forEach(output -> configured.add(Map.entry(output.name(), output.backendDims())));
        for (Map.Entry<String, Dims> entry : configured) {
            IoTensor tensor = engine.tensor(entry.getKey()).orElseThrow();
            boolean batches = tensor.isShape()
                    ? tensor.dims().rank() > 0 && tensor.dims().get(0) == entry.getValue().get(0) + 1
                    : tensor.dims().rank() == entry.getValue().rank() + 1;
            if (hint.isPresent() && hint.get() != batches) {
                throw InferenceException.internal("unable to autofill for '" + config.name() + "', model tensor"
                        + " configurations are contradicting each other in terms of whether batching is supported");
            }
            hint = Optional.of(batches);
        }
        return hint;
    }

    private static boolean isGiven(Dims dims, Optional<Dims> reshape) {
        return reshape.isPresent() || dims.rank() > 0;
    }

    private List<ModelInput> inputs(boolean batching) {
        if (config.inputs().isEmpty()) {
            return engine.inputs().stream().map(tensor -> {
                Shaped shaped = shaped(tensor, batching);
                return new ModelInput(tensor.name(), Optional.of(dataType("input", tensor)), ModelInput.Format.NONE,
                        shaped.dims(), shaped.reshape(), tensor.isShape(), false, false, !tensor.format().isLinear());
            }).toList();
        }
        return config.inputs().stream().map(input -> {
            IoTensor tensor = engine.tensor(input.name()).orElseThrow();
            checkMarks(tensor, input.isShapeTensor(), input.isNonLinearFormat());
            Shaped shaped = isGiven(input.dims(), input.reshape())
                    ? new Shaped(input.dims(), input.reshape())
                    : shaped(tensor, batching);
            return new ModelInput(input.name(), input.dataType().or(() -> Optional.of(dataType("input", tensor))),
                    input.format(), shaped.dims(), shaped.reshape(), tensor.isShape(), input.allowRaggedBatch(),
                    input.isOptional(), !tensor.format().isLinear());
        }).toList();
    }

    private List<ModelOutput> outputs(boolean batching) {
        if (config.outputs().isEmpty()) {
            return engine.outputs().stream().map(tensor -> {
                Shaped shaped = shaped(tensor, batching);
                return new ModelOutput(tensor.name(), Optional.of(dataType("output", tensor)), shaped.dims(),
                        shaped.reshape(), "", tensor.isShape(), !tensor.format().isLinear());
            }).toList();
        }
        return config.outputs().stream().map(output -> {
            IoTensor tensor = engine.tensor(output.name()).orElseThrow();
            checkMarks(tensor, output.isShapeTensor(), output.isNonLinearFormat());
            Shaped shaped = isGiven(output.dims(), output.reshape())
                    ? new Shaped(output.dims(), output.reshape())
                    : shaped(tensor, batching);
            return new ModelOutput(output.name(), output.dataType().or(() -> Optional.of(dataType("output", tensor))),
                    shaped.dims(), shaped.reshape(), output.labelFilename(), tensor.isShape(),
                    !tensor.format().isLinear());
        }).toList();
    }

    private DataType dataType(String kind, IoTensor tensor) {
        return tensor.dataType().orElseThrow(() -> InferenceException.internal("unsupported datatype "
                + tensor.typeName() + " for " + kind + " '" + tensor.name() + "' for model '" + config.name() + "'"));
    }

    private static void checkMarks(IoTensor tensor, boolean isShapeTensor, boolean isNonLinear) {
        if (isShapeTensor && !tensor.isShape()) {
            throw InferenceException
                    .invalid("'" + tensor.name() + "' is incorrectly specified as a shape tensor.");
        }
        if (isNonLinear && tensor.format().isLinear()) {
            throw InferenceException.invalid("'" + tensor.name() + "' uses a linear IO format, but"
                    + " 'is_non_linear_format_io' is incorrectly set to true in the model configuration.");
        }
    }

    /**
     * Dims as a configuration has them.
     *
     * @param dims without the batch dimension
     * @param reshape empty dims, where dims may not be empty
     */
    private record Shaped(Dims dims, Optional<Dims> reshape) {
    }

    private static Shaped shaped(IoTensor tensor, boolean batching) {
        long[] dims = tensor.dims().toArray();
        if (tensor.isShape()) {
            return new Shaped(dims.length == 0 ? Dims.of(1) : Dims.of(batching ? dims[0] - 1 : dims[0]),
                    dims.length == 0 ? Optional.of(Dims.of()) : Optional.empty());
        }
        int skipped = batching ? 1 : 0;
        if (dims.length <= skipped) {
            return new Shaped(Dims.of(1), Optional.of(Dims.of()));
        }
        long[] item = new long[dims.length - skipped];
        System.arraycopy(dims, skipped, item, 0, item.length);
        return new Shaped(Dims.of(item), Optional.empty());
    }
}
