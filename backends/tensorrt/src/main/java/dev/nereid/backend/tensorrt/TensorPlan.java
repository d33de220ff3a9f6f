package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.tensorrt.EngineLayout.IoTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How the tensors of a configuration become those of an engine.
 *
 * @param inputs one for each input of the engine
 * @param outputs one for each output of the engine
 */
record TensorPlan(List<InputSlot> inputs, List<OutputSlot> outputs) {
    TensorPlan {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
    }

    /**
     * An input.
     *
     * @param tensor what the engine says of it
     * @param dataType its element type
     * @param dims its shape as configured, with the batch dimension where the model batches
     * @param isRagged whether requests of different shapes are joined flat
     * @param batchInput how it is computed from the shapes of the batch, where it is not sent by clients
     */
    record InputSlot(IoTensor tensor, DataType dataType, Dims dims, boolean isRagged, Optional<BatchInput> batchInput) {
        String name() {
            return tensor.name();
        }
    }

    /**
     * An output.
     *
     * @param tensor what the engine says of it
     * @param dataType its element type
     * @param shapeSource the input whose shape tells which part belongs to a request, where the rows don't
     */
    record OutputSlot(IoTensor tensor, DataType dataType, Optional<String> shapeSource) {
        String name() {
            return tensor.name();
        }
    }

    /**
     * Checks a configuration against an engine.
     *
     * @throws InferenceException with the reference's text for what does not fit
     */
    static TensorPlan of(ModelConfig config, EngineLayout engine) {
        Check check = new Check(config, engine);
        check.inputs();
        check.outputs();
        return new TensorPlan(check.inputs, check.outputs);
    }

    /** Returns whether an output's size is known only after the execution, or a shape depends on values. */
    boolean dependsOnValues() {
        return inputs.stream().anyMatch(input -> input.tensor().isShape())
                || outputs.stream().anyMatch(output -> output.tensor().isShape());
    }

    private static final class Check {
        private final ModelConfig config;
        private final EngineLayout engine;
        private final List<InputSlot> inputs = new ArrayList<>();
        private final List<OutputSlot> outputs = new ArrayList<>();

        Check(ModelConfig config, EngineLayout engine) {
            this.config = config;
            this.engine = engine;
        }

        void inputs() {
            int expected = config.inputs().size() + states().size() + controls().size()
                    + config.batchInputs().stream().mapToInt(batchInput -> batchInput.targetNames().size()).sum();
            if (expected > engine.inputs().size()) {
                throw InferenceException.invalid("unable to load model '" + config.name() + "', configuration expects "
                        + expected + " inputs, model provides at most " + engine.inputs().size());
            }
            for (ModelInput input : config.inputs()) {
                DataType dataType = given(input.dataType(), "model input", input.name());
                IoTensor tensor = tensor(input.name(), true);
                checkOptional(input);
                checkMarks("input", tensor, input.isShapeTensor(), input.isNonLinearFormat());
                checkType("input", tensor, dataType);
                if (input.allowRaggedBatch()) {
                    checkRagged(tensor, input.backendDims());
                    inputs.add(new InputSlot(tensor, dataType, Dims.of(Dims.ANY), true, Optional.empty()));
                } else {
                    checkDims(tensor, input.backendDims());
                    inputs.add(new InputSlot(tensor, dataType, withBatch(input.backendDims()), false,
                            Optional.empty()));
                }
            }
            for (BatchInput batchInput : config.batchInputs()) {
                for (String name : batchInput.targetNames()) {
                    IoTensor tensor = tensor(name, true);
                    DataType dataType = given(batchInput.dataType(), "batch input", name);
                    checkType("input", tensor, dataType);
                    inputs.add(new InputSlot(tensor, dataType, tensor.dims(), false, Optional.of(batchInput)));
                }
            }
            for (Scheduling.State state : states()) {
                IoTensor tensor = tensor(state.inputName(), true);
                DataType dataType = given(state.dataType(), "input state", state.inputName());
                checkType("input", tensor, dataType);
                checkDims(tensor, state.dims());
                inputs.add(new InputSlot(tensor, dataType, withBatch(state.dims()), false, Optional.empty()));
            }
            for (Scheduling.ControlInput control : controls()) {
                IoTensor tensor = tensor(control.name(), true);
                DataType dataType = control.controls().getFirst().dataType();
                checkType("input", tensor, dataType);
                checkControl(tensor);
                inputs.add(new InputSlot(tensor, dataType, withBatch(Dims.of(1)), false, Optional.empty()));
            }
            engine.inputs().stream().map(IoTensor::name)
                    .filter(name -> inputs.stream().noneMatch(slot -> slot.name().equals(name))).findFirst()
                    .ifPresent(name -> {
                        throw InferenceException.invalid(
                                "expected configuration for input '" + name + "' for " + config.name());
                    });
        }

        void outputs() {
            for (ModelOutput output : config.outputs()) {
                DataType dataType = given(output.dataType(), "model output", output.name());
                IoTensor tensor = tensor(output.name(), false);
                checkMarks("output", tensor, output.isShapeTensor(), output.isNonLinearFormat());
                checkType("output", tensor, dataType);
                Optional<String> source = config.batchOutputs().stream()
                        .filter(batchOutput -> batchOutput.targetNames().contains(output.name()))
                        .map(batchOutput -> batchOutput.sourceInputs().getFirst()).findFirst();
                if (tensor.isShape() && dataType != DataType.INT64) {
                    throw InferenceException.invalid("unexpected datatype '" + dataType.configName()
                            + "' in model configuration for shape output '" + output.name()
                            + "', expecting TYPE_INT64 for " + config.name());
                }
                if (source.isEmpty()) {
                    checkDims(tensor, output.backendDims());
                }
                outputs.add(new OutputSlot(tensor, dataType, source));
            }
            for (Scheduling.State state : states()) {
                if (config.output(state.outputName()).isEmpty()) {
                    IoTensor tensor = tensor(state.outputName(), false);
                    DataType dataType = given(state.dataType(), "state", state.outputName());
                    checkType("output", tensor, dataType);
                    checkDims(tensor, state.dims());
                    outputs.add(new OutputSlot(tensor, dataType, Optional.empty()));
                }
            }
            // The engine writes every output, so each needs memory even where nobody configures it.
            for (IoTensor tensor : engine.outputs()) {
                if (outputs.stream().noneMatch(slot -> slot.name().equals(tensor.name()))) {
                    throw InferenceException.invalid(
                            "expected configuration for output '" + tensor.name() + "' for " + config.name());
                }
            }
        }

        private IoTensor tensor(String name, boolean isInput) {
            String kind = isInput ? "input" : "output";
            boolean isKnown = inputs.stream().anyMatch(slot -> slot.name().equals(name))
                    || outputs.stream().anyMatch(slot -> slot.name().equals(name));
            if (isKnown) {
                throw InferenceException.invalid(
                        kind + " '" + name + "'  has already appeared as an input or output for " + config.name());
            }
            IoTensor tensor = engine.tensor(name).orElseThrow(() -> InferenceException.invalid("unexpected inference "
                    + kind + " '" + name + "', allowed " + kind + "s are: "
                    + String.join(", ", engine.tensors().stream().filter(other -> other.isInput() == isInput)
                            .map(IoTensor::name).sorted().toList())));
            if (tensor.isInput() != isInput) {
                throw InferenceException.invalid(
                        kind + " '" + name + "' is expected to be an " + kind + " in model for " + config.name());
            }
            return tensor;
        }

        private DataType given(Optional<DataType> dataType, String kind, String name) {
            return dataType.orElseThrow(() -> InferenceException
                    .invalid(kind + " '" + name + "' must specify 'data_type' for " + config.name()));
        }

        private void checkOptional(ModelInput input) {
            if (input.isOptional()) {
                throw InferenceException.unsupported("input '" + input.name() + "' of model '" + config.name()
                        + "' is optional, but a TensorRT engine needs all of its inputs");
            }
        }

        private void checkType(String kind, IoTensor tensor, DataType dataType) {
            if (!TrtTypes.isKnown(dataType)) {
                throw InferenceException
                        .internal("unsupported datatype " + dataType.configName() + " for " + kind + " '"
                                + tensor.name() + "' for model '" + config.name() + "'");
            }
            if (!tensor.dataType().equals(Optional.of(dataType))) {
                throw InferenceException.invalid("unexpected datatype "
                        + tensor.dataType().map(DataType::configName).orElse(tensor.typeName()) + " for inference "
                        + kind + " '" + tensor.name() + "', expecting " + dataType.configName() + " for "
                        + config.name());
            }
            if (tensor.isShape() && dataType != DataType.INT32 && dataType != DataType.INT64) {
                throw InferenceException.invalid("unexpected datatype " + dataType.configName()
                        + " in model configuration for shape " + kind + " '" + tensor.name()
                        + "', expecting TYPE_INT32 or TYPE_INT64 for " + config.name());
            }
        }

        private void checkMarks(String kind, IoTensor tensor, boolean isShapeTensor, boolean isNonLinear) {
            String what = kind + " '" + tensor.name() + "' for model '" + config.name() + "' ";
            if (tensor.isShape() && !isShapeTensor) {
                throw InferenceException.invalid(what
                        + "is a shape tensor but the model configuration doesn't mark it as a shape tensor.");
            }
            if (!tensor.isShape() && isShapeTensor) {
                throw InferenceException
                        .invalid(what + "is incorrectly marked as a shape tensor in the model configuration.");
            }
            if (!tensor.format().isLinear() && !isNonLinear) {
                throw InferenceException.invalid(what + "uses a non-linear IO format, but 'is_non_linear_format_io' is"
                        + " incorrectly set to false in the model configuration.");
            }
            if (tensor.format().isLinear() && isNonLinear) {
                throw InferenceException.invalid(what + "uses a linear IO format, but 'is_non_linear_format_io' is"
                        + " incorrectly set to true in the model configuration.");
            }
        }

        private void checkDims(IoTensor tensor, Dims configured) {
            if (tensor.isShape()) {
                checkShapeDims(tensor, configured);
                return;
            }
            String what = "model '" + config.name() + "', tensor '" + tensor.name() + "': ";
            if (config.isBatching() && tensor.dims().rank() == 0) {
                throw InferenceException.invalid(what + "for the model to support batching the shape should have at"
                        + " least 1 dimension; but shape expected by the model is " + tensor.dims());
            }
            Dims full = withBatch(configured);
            if (!fits(full, tensor.dims())) {
                throw InferenceException.invalid(what + "the model expects " + tensor.dims().rank()
                        + " dimensions (shape " + tensor.dims() + ") but the model configuration specifies "
                        + full.rank() + " dimensions ("
                        + (config.isBatching()
                                ? "an initial batch dimension because max_batch_size > 0 followed by the explicit"
                                        + " tensor shape, making complete shape "
                                : "shape ")
                        + full + ")");
            }
        }

        private void checkShapeDims(IoTensor tensor, Dims configured) {
            if (tensor.dims().rank() > 1) {
                throw InferenceException.internal("unable to load model '" + config.name() + "', shape binding '"
                        + tensor.name() + "' can only be 0-d or 1-D tensor, got " + tensor.dims());
            }
            int offset = config.isBatching() ? 1 : 0;
            boolean fits = configured.rank() == tensor.dims().rank()
                    && (configured.rank() == 0 || (configured.get(0) != Dims.ANY
                            && configured.get(0) + offset == tensor.dims().get(0)));
            if (!fits) {
                throw InferenceException.internal("unable to load model '" + config.name() + "', binding '"
                        + tensor.name() + "' shape expected by framework " + tensor.dims()
                        + " doesn't match model configuration shape " + configured);
            }
        }

        private void checkRagged(IoTensor tensor, Dims configured) {
            if (!tensor.format().isLinear()) {
                throw InferenceException.invalid(
                        "unexpected allow-ragged for non-linear input '" + tensor.name() + "' for " + config.name());
            }
            if (tensor.dims().rank() != 1 || tensor.dims().get(0) != Dims.ANY) {
                throw InferenceException.invalid("model '" + config.name() + "', tensor '" + tensor.name()
                        + "': for the model to support ragged input, the engine shape is: " + tensor.dims()
                        + " while the model config shape is: " + configured + "; expected an engine shape of [-1]");
            }
        }

        private void checkControl(IoTensor tensor) {
            Dims dims = tensor.dims();
            String prefix = "unexpected shape " + dims + " for control input '" + tensor.name() + "' for model "
                    + config.name() + ": ";
            long first = config.isBatching() ? Dims.ANY : 1;
            if (dims.rank() == 0 || dims.get(0) != first) {
                throw InferenceException.internal(prefix + "expects the first dimension to be " + first
                        + " but the model specified " + (dims.rank() == 0 ? "none" : dims.get(0)));
            }
            for (int i = 1; i < dims.rank(); i++) {
                if (dims.get(i) != 1) {
                    throw InferenceException.internal(prefix + "expects all dimensions (conditionally first) to be 1"
                            + " but the model specified shape " + dims);
                }
            }
        }

        private Dims withBatch(Dims dims) {
            return config.isBatching() ? dims.prepend(Dims.ANY) : dims;
        }

        private static boolean fits(Dims configured, Dims engine) {
            if (configured.rank() != engine.rank()) {
                return false;
            }
            for (int i = 0; i < configured.rank(); i++) {
                boolean isOpen = configured.get(i) == Dims.ANY || engine.get(i) == Dims.ANY;
                if (!isOpen && configured.get(i) != engine.get(i)) {
                    return false;
                }
            }
            return true;
        }

        private List<Scheduling.State> states() {
            return config.scheduling() instanceof Scheduling.SequenceBatching sequences
                    ? sequences.states()
                    : List.of();
        }

        private List<Scheduling.ControlInput> controls() {
            return config.scheduling() instanceof Scheduling.SequenceBatching sequences
                    ? sequences.controlInputs().stream().filter(control -> !control.controls().isEmpty()).toList()
                    : List.of();
        }
    }
}
