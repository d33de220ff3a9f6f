package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * How the inputs of a model become the arguments of {@code forward}.
 *
 * @param names the rule that was found
 * @param slots one for each input
 * @param isDictionary whether they go into one dictionary
 */
record InputPlan(TensorNames names, List<Slot> slots, boolean isDictionary) {
    /** How TorchScript writes the type of an argument that takes strings. */
    static final String STRINGS = "List[str]";

    InputPlan {
        slots = List.copyOf(slots);
    }

    /**
     * One input.
     *
     * @param name its name
     * @param position the argument it becomes
     * @param dataType its element type
     * @param dims its shape without the batch dimension, where the configuration gives one
     * @param isOptional whether a request may lack it, which the model then sees as None
     * @param isRagged whether requests of different shapes are joined flat
     * @param batchInput how it is computed from the shapes of the batch, where it is not sent by clients
     */
    record Slot(String name, int position, DataType dataType, Optional<Dims> dims, boolean isOptional, boolean isRagged,
            Optional<BatchInput> batchInput) {
    }

    /**
     * Checks the configuration against the model.
     *
     * @throws InferenceException with the reference's text for what does not fit
     */
    static InputPlan of(ModelConfig config, ForwardSignature signature) {
        signature.check();
        if (config.inputs().isEmpty()) {
            throw noInputs(config, signature);
        }
        List<Scheduling.State> states = states(config);
        List<Scheduling.ControlInput> controls = controls(config);
        List<String> derived = new ArrayList<>();
        config.batchInputs().forEach(batchInput -> derived.addAll(batchInput.targetNames()));
        states.forEach(state -> derived.add(state.inputName()));
        checkStateNames(config, signature, states);
        TensorNames names = TensorNames.ofInputs(config.name(), signature,
                config.inputs().stream().map(ModelInput::name).toList(), derived,
                controls.stream().map(Scheduling.ControlInput::name).toList());

        List<Slot> slots = new ArrayList<>();
        for (ModelInput input : config.inputs()) {
            DataType dataType = required(input.dataType(), "model input '" + input.name() + "'", config);
            checkStrings(config, "input", input.name(), dataType, input.backendDims());
            int position = position(names, input.name());
            checkKind(config, signature, input.name(), dataType, position);
            boolean isOptional = input.isOptional() && !signature.takesDictionary()
                    && signature.arguments().get(position).kind() == ForwardSignature.Kind.OPTIONAL_TENSOR;
            slots.add(new Slot(input.name(), position, dataType, Optional.of(input.backendDims()), isOptional,
                    input.allowRaggedBatch(), Optional.empty()));
        }
        for (BatchInput batchInput : config.batchInputs()) {
            for (String target : batchInput.targetNames()) {
                DataType dataType = required(batchInput.dataType(), "batch input '" + target + "'", config);
                slots.add(new Slot(target, position(names, target), dataType, Optional.empty(), false, false,
                        Optional.of(batchInput)));
            }
        }
        for (Scheduling.State state : states) {
            String name = state.inputName();
            DataType dataType = required(state.dataType(), "input state '" + name + "'", config);
            slots.add(new Slot(name, position(names, name), dataType, Optional.of(state.dims()), false, false,
                    Optional.empty()));
        }
        for (Scheduling.ControlInput control : controls) {
            DataType dataType = control.controls().getFirst().dataType();
            if (dataType == DataType.BYTES) {
                throw InferenceException.internal("input '" + control.name() + "' type '" + dataType.configName()
                        + "' is not supported by PyTorch.");
            }
            slots.add(new Slot(control.name(), position(names, control.name()), dataType, Optional.of(Dims.of(1)),
                    false, false, Optional.empty()));
        }
        return new InputPlan(names, slots, signature.takesDictionary());
    }

    /** Where the inputs tell their positions, the states do. */
    private static void checkStateNames(ModelConfig config, ForwardSignature signature, List<Scheduling.State> states) {
        if (signature.takesDictionary()
                || config.inputs().stream().anyMatch(input -> !TensorNames.isIndexed(input.name()))) {
            return;
        }
        for (Scheduling.State state : states) {
            if (!TensorNames.isIndexed(state.inputName()) && !signature.names().contains(state.inputName())) {
                // The blank at the end is the reference's.
                throw InferenceException.invalid("PyTorch model '" + config.name()
                        + "' is using sequence batching with state but state '" + state.inputName()
                        + "' does not follow the <name>__<index> naming convention. ");
            }
        }
    }

    /** The reference counts first, so that its text is the one on the wrong number of inputs (recorded). */
    private static InferenceException noInputs(ModelConfig config, ForwardSignature signature) {
        int provided = signature.arguments().size();
        return signature.takesDictionary() || provided == 0
                ? InferenceException.internal("model configuration must contain at least one input, none were "
                        + "specified. " + ConfigSketch.of(signature))
                : InferenceException.invalid("unable to load model '" + config.name()
                        + "', configuration expects 0 inputs, model provides " + provided + ". "
                        + ConfigSketch.of(signature));
    }

    /** A tensor for a list of strings, or the other way round, would fail with every request. */
    private static void checkKind(ModelConfig config, ForwardSignature signature, String name, DataType dataType,
            int position) {
        ForwardSignature.Argument argument = signature.arguments().get(signature.takesDictionary() ? 0 : position);
        boolean isStrings = argument.annotation().equals(STRINGS);
        if (isStrings != (dataType == DataType.BYTES)) {
            throw InferenceException.invalid("input '" + name + "' of model '" + config.name() + "' is "
                    + dataType.configName() + ", but argument '" + argument.name() + "' of forward is "
                    + argument.annotation() + (isStrings ? ", expected TYPE_STRING" : ""));
        }
    }

    private static int position(TensorNames names, String name) {
        return Objects.requireNonNull(names.positions().get(name));
    }

    static List<Scheduling.State> states(ModelConfig config) {
        return config.scheduling() instanceof Scheduling.SequenceBatching sequences ? sequences.states() : List.of();
    }

    private static List<Scheduling.ControlInput> controls(ModelConfig config) {
        return config.scheduling() instanceof Scheduling.SequenceBatching sequences
                ? sequences.controlInputs().stream().filter(control -> !control.controls().isEmpty()).toList()
                : List.of();
    }

    static DataType required(Optional<DataType> dataType, String what, ModelConfig config) {
        return dataType.orElseThrow(
                () -> InferenceException.invalid(what + " must specify 'data_type' for " + config.name()));
    }

    static void checkStrings(ModelConfig config, String kind, String name, DataType dataType, Dims dims) {
        if (dataType == DataType.BYTES && dims.rank() + (config.isBatching() ? 1 : 0) > 1) {
            throw InferenceException.internal("Triton only supports 1 dimensional List of String as " + kind + " for '"
                    + name + "' for model '" + config.name() + "'");
        }
    }

    /** Returns whether the shapes of all inputs are known but for the rows, so that zeros can be made for them. */
    boolean isFixed() {
        return slots.stream().allMatch(slot -> slot.dims().map(Dims::isFixed).orElse(false) && !slot.isRagged()
                && slot.dataType() != DataType.BYTES);
    }

    /**
     * Returns which inputs a request brings.
     *
     * @throws InferenceException when it lacks one that it must have
     */
    Set<String> sentBy(InferenceRequest request) {
        Set<String> sent = new HashSet<>();
        for (Slot slot : slots) {
            if (request.input(slot.name()).isPresent()) {
                sent.add(slot.name());
            } else if (slot.batchInput().isEmpty() && !slot.isOptional()) {
                throw InferenceException.invalid("request has no input '" + slot.name() + "'");
            }
        }
        return sent;
    }

    /** Returns the number of inputs that come with a request. */
    int sentCount() {
        return (int) slots.stream().filter(slot -> slot.batchInput().isEmpty()).count();
    }
}
