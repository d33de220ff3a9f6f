package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Which result of {@code forward} is which output.
 *
 * @param names the rule that was found
 * @param slots one for each output, in alphabetical order: that of the responses
 */
record OutputPlan(TensorNames names, List<Slot> slots) {
    OutputPlan {
        slots = slots.stream().sorted(Comparator.comparing(Slot::name)).toList();
    }

    /**
     * One output.
     *
     * @param name its name
     * @param position the result it is made from
     * @param dataType its configured element type
     * @param shapeSource the input whose shape tells which part belongs to a request, where the rows don't
     */
    record Slot(String name, int position, DataType dataType, Optional<String> shapeSource) {
    }

    /**
     * Checks the configuration.
     *
     * @throws InferenceException with the reference's text for what does not fit
     */
    static OutputPlan of(ModelConfig config, ForwardSignature signature, InputPlan inputs) {
        if (config.outputs().isEmpty()) {
            throw InferenceException
                    .internal("model configuration must contain at least one output, none were specified. "
                            + ConfigSketch.of(signature));
        }
        List<Scheduling.State> states = InputPlan.states(config);
        List<String> configured = new ArrayList<>();
        config.outputs().forEach(output -> configured.add(output.name()));
        states.stream().map(Scheduling.State::outputName).filter(name -> !configured.contains(name))
                .forEach(configured::add);
        TensorNames names = TensorNames.ofOutputs(signature, configured);
        if (!states.isEmpty() && (names.rule() == TensorNames.Rule.CONFIG_ORDER
                || inputs.names().rule() == TensorNames.Rule.CONFIG_ORDER)) {
            // The blank at the end is the reference's.
            throw new InferenceException(StatusCode.INVALID_ARG, "PyTorch model '" + config.name()
                    + "' is using sequence batching with state but not all inputs and outputs follow the"
                    + " <name>__<index> naming convention. ");
        }
        List<Slot> slots = new ArrayList<>();
        for (ModelOutput output : config.outputs()) {
            DataType dataType = InputPlan.required(output.dataType(), "model output '" + output.name() + "'", config);
            InputPlan.checkStrings(config, "output", output.name(), dataType, output.backendDims());
            slots.add(slot(names, output.name(), dataType, config));
        }
        for (Scheduling.State state : states) {
            if (config.output(state.outputName()).isEmpty()) {
                slots.add(slot(names, state.outputName(),
                        InputPlan.required(state.dataType(), "state '" + state.outputName() + "'", config), config));
            }
        }
        return new OutputPlan(names, slots);
    }

    private static Slot slot(TensorNames names, String name, DataType dataType, ModelConfig config) {
        Optional<String> shapeSource = config.batchOutputs().stream()
                .filter(batchOutput -> batchOutput.targetNames().contains(name))
                .map(batchOutput -> batchOutput.sourceInputs().getFirst()).findFirst();
        return new Slot(name, Objects.requireNonNull(names.positions().get(name)), dataType, shapeSource);
    }
}
