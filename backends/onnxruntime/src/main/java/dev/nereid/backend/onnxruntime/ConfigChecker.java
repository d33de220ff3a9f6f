package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Checks what a configuration says against the model. The texts are the reference's. */
final class ConfigChecker {
    private final ModelConfig config;
    private final OrtSession session;
    private final String unable;

    private ConfigChecker(ModelConfig config, OrtSession session) {
        this.config = config;
        this.session = session;
        this.unable = "unable to load model '" + config.name() + "', ";
    }

    /**
     * Checks a configuration.
     *
     * @throws InferenceException with the first thing that doesn't fit
     */
    static void check(ModelConfig config, OrtSession session) {
        ConfigChecker checker = new ConfigChecker(config, session);
        checker.checkInputs();
        checker.checkOutputs();
    }

    private void checkInputs() {
        long expected = config.inputs().stream().filter(input -> !input.isOptional()).count()
                + config.batchInputs().stream().mapToLong(batchInput -> batchInput.targetNames().size()).sum()
                + sequenceInputs();
        checkOptional();
        if (session.inputs().size() != expected) {
            throw InferenceException.invalid(unable + "configuration expects " + expected
                    + " inputs, model provides " + session.inputs().size() + names(session.inputs()));
        }
        for (BatchInput batchInput : config.batchInputs()) {
            batchInput.targetNames().forEach(target -> checkType("input", target, batchInput.dataType(),
                    allowed(target)));
        }
        for (ModelInput input : config.inputs()) {
            OnnxTensorInfo info = allowed(input.name());
            checkType("input", input.name(), input.dataType(), info);
            if (input.allowRaggedBatch()) {
                checkRagged(input, info);
            } else {
                checkDims(input.name(), input.backendDims(), info, false);
            }
        }
    }

    private OnnxTensorInfo allowed(String name) {
        return session.input(name).orElseThrow(() -> InferenceException.invalid("unexpected inference input '" + name
                + "', allowed inputs are: "
                + sorted(Stream.concat(session.inputs().stream(), session.initializers().stream()))));
    }

    private void checkOptional() {
        for (ModelInput input : config.inputs()) {
            if (input.isOptional() && config.isBatching()) {
                throw InferenceException.unsupported(unable + "optional input '" + input.name()
                        + "' is not supported for models that support batching");
            }
            boolean isRequired = session.inputs().stream().anyMatch(info -> info.name().equals(input.name()));
            if (input.isOptional() && isRequired) {
                throw InferenceException.unsupported(unable + "input '" + input.name() + "' is optional in the"
                        + " configuration, but the model has no value for it that could be used instead");
            }
        }
    }

    private static String names(List<OnnxTensorInfo> tensors) {
        return tensors.isEmpty() ? "" : ": " + sorted(tensors.stream());
    }

    private static String sorted(Stream<OnnxTensorInfo> tensors) {
        return tensors.map(OnnxTensorInfo::name).sorted().collect(Collectors.joining(", "));
    }

    private void checkOutputs() {
        for (ModelOutput output : config.outputs()) {
            OnnxTensorInfo info = session.output(output.name()).orElseThrow(
                    () -> InferenceException.invalid("unexpected inference output '" + output.name()
                            + "', allowed outputs are: " + sorted(session.outputs().stream())));
            checkType("output", output.name(), output.dataType(), info);
            boolean isSplitByInput = config.batchOutputs().stream()
                    .anyMatch(batchOutput -> batchOutput.targetNames().contains(output.name()));
            if (!isSplitByInput) {
                checkDims(output.name(), output.backendDims(), info, true);
            }
        }
    }

    private void checkType(String kind, String name, Optional<DataType> configured, OnnxTensorInfo info) {
        if (!configured.equals(info.dataType())) {
            throw InferenceException.invalid(unable + "configuration expects datatype "
                    + configured.map(DataType::configName).orElse("TYPE_INVALID") + " for " + kind + " '" + name
                    + "', model provides " + info.typeName());
        }
    }

    private void checkRagged(ModelInput input, OnnxTensorInfo info) {
        if (input.isOptional()) {
            throw InferenceException.invalid(unable + "configuration expects model provides input with shape [-1] for"
                    + " ragged input '" + input.name() + "', which is not supported for optional input");
        }
        if (info.shape().isPresent() && !info.shape().get().equals(Dims.of(Dims.ANY))) {
            throw InferenceException.invalid(unable + "configuration expects model provides input with shape [-1]  for"
                    + " ragged input '" + input.name() + "', model provides " + info.shape().get());
        }
    }

    /** A dimension of -1 in the model takes any of an input; of an output it must be the same in the configuration. */
    private void checkDims(String name, Dims dims, OnnxTensorInfo info, boolean isExact) {
        if (info.shape().isEmpty()) {
            return;
        }
        Dims model = info.shape().get();
        if (model.rank() == 0 && !config.isBatching()) {
            if (!dims.equals(ones(dims.rank()))) {
                throw InferenceException.invalid(unable + "scalar tensor '" + name + "', should only provide 1 in the"
                        + " model configuration when the model doesn't support batching. Model configuration provided: "
                        + dims + ".");
            }
            return;
        }
        String who = "model '" + config.name() + "', tensor '" + name + "': ";
        if (config.isBatching() && !info.canBatch()) {
            throw InferenceException.invalid(who + "for the model to support batching the shape should have at least 1"
                    + " dimension and the first dimension must be -1; but shape expected by the model is " + model);
        }
        Dims full = config.isBatching() ? dims.prepend(Dims.ANY) : dims;
        if (!fits(model, full, isExact)) {
            throw InferenceException.invalid(who + "the model expects " + model.rank() + " dimensions (shape " + model
                    + ") but the model configuration specifies " + full.rank() + " dimensions ("
                    + (config.isBatching()
                            ? "an initial batch dimension because max_batch_size > 0 followed by the explicit tensor"
                                    + " shape, making complete shape "
                            : "shape ")
                    + full + ")");
        }
    }

    private static Dims ones(int rank) {
        return Dims.of(LongStream.generate(() -> 1).limit(rank).toArray());
    }

    private static boolean fits(Dims model, Dims dims, boolean isExact) {
        boolean fits = model.rank() == dims.rank();
        for (int i = 0; fits && i < model.rank(); i++) {
            fits = model.get(i) == dims.get(i) || (!isExact && model.get(i) == Dims.ANY);
        }
        return fits;
    }

    /** Checks the inputs that the server sets for a sequence; returns how many there are. */
    private long sequenceInputs() {
        if (!(config.scheduling() instanceof Scheduling.SequenceBatching sequence)) {
            return 0;
        }
        for (Scheduling.ControlInput input : sequence.controlInputs()) {
            OnnxTensorInfo info = session.input(input.name())
                    .orElseThrow(() -> InferenceException.internal("configuration specified sequence control '"
                            + input.name() + "', but model does not provide that input"));
            Dims dims = info.shape().orElse(Dims.of());
            Dims expected = config.isBatching() ? Dims.of(Dims.ANY, 1) : Dims.of(1);
            if (!dims.equals(expected)) {
                throw InferenceException.invalid(unable + "sequence control '" + input.name() + "' in model has dims "
                        + dims + " but dims " + expected + " is expected");
            }
            for (Scheduling.Control control : input.controls()) {
                if (!info.dataType().equals(Optional.of(control.dataType()))) {
                    throw InferenceException.invalid(unable + "sequence control '" + input.name()
                            + "', the model expects data-type " + info.typeName()
                            + " but the model configuration specifies data-type " + control.dataType().configName());
                }
            }
        }
        for (Scheduling.State state : sequence.states()) {
            OnnxTensorInfo input = allowed(state.inputName());
            checkType("input state", state.inputName(), state.dataType(), input);
            checkDims(state.inputName(), state.dims(), input, false);
            OnnxTensorInfo output = session.output(state.outputName()).orElseThrow(
                    () -> InferenceException.invalid("unexpected state output '" + state.outputName()
                            + "', allowed outputs are: " + sorted(session.outputs().stream())));
            checkType("output state", state.outputName(), state.dataType(), output);
        }
        return sequence.controlInputs().size() + (long) sequence.states().size();
    }
}
