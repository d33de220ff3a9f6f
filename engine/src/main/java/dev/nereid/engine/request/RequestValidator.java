package dev.nereid.engine.request;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Checks requests against the configuration of one model version. Everything that depends on the configuration only is
 * prepared once. Safe for any number of threads.
 *
 * <p>Inputs are visited last first: the reference keeps them in a hash table that, while small, hands out the newest
 * first, and the order decides which of several errors a client sees.
 */
public final class RequestValidator {
    private static final String BATCH_NOTE = "NOTE: Setting a non-zero max_batch_size in the model config requires a "
            + "batch dimension to be prepended to each input shape. If you want to specify the full shape including "
            + "the batch dim in your input dims config, try setting max_batch_size to zero. See the model "
            + "configuration docs for more info on max_batch_size.";

    private final String model;
    private final int maxBatchSize;
    private final Map<String, ExpectedInput> inputs = new HashMap<>();
    private final List<ExpectedInput> inputsInOrder = new ArrayList<>();
    private final int requiredInputs;
    private final Map<String, Reshape> outputs = new HashMap<>();
    private final List<String> allOutputs;
    private final Optional<Scheduling.Control> correlationControl;
    private final String correlationInput;

    /** Prepares the checks for a configuration. */
    public RequestValidator(ModelConfig config) {
        model = config.name();
        maxBatchSize = config.maxBatchSize();
        for (ModelInput input : config.inputs()) {
            ExpectedInput expected = new ExpectedInput(input, config.isBatching(), inputsInOrder.size());
            inputs.put(input.name(), expected);
            inputsInOrder.add(expected);
        }
        requiredInputs = (int) config.inputs().stream().filter(input -> !input.isOptional()).count();
        for (ModelOutput output : config.outputs()) {
            outputs.put(output.name(), new Reshape(output.backendDims(), output.dims(), config.isBatching()));
        }
        allOutputs = List.copyOf(config.outputs().stream().map(ModelOutput::name).toList());
        Optional<Scheduling.ControlInput> control = correlationInput(config);
        correlationInput = control.map(Scheduling.ControlInput::name).orElse("");
        correlationControl = control.flatMap(input -> input.controls().stream().filter(RequestValidator::isId)
                .findFirst());
    }

    /**
     * Checks a request.
     *
     * @param allocator gives memory where the data of a raw request must be changed
     */
    public CheckedRequest validate(RequestData request, SegmentAllocator allocator) {
        RequestData complete = request.isRaw() ? new RawInput(this).complete(request, allocator) : request;
        for (String output : complete.requestedOutputs()) {
            if (!outputs.containsKey(output)) {
                throw InferenceException
                        .invalid("unexpected inference output '" + output + "' for model '" + model + "'");
            }
        }
        checkNumberOfInputs(complete);
        int batchSize = batchSize(complete);
        @Nullable
        Tensor[] tensors = new Tensor[inputsInOrder.size()];
        for (int i = complete.inputs().size() - 1; i >= 0; i--) {
            InputData input = complete.inputs().get(i);
            ExpectedInput expected = expected(complete, input, i);
            tensors[expected.index] = check(complete, input, expected);
        }
        checkCorrelationId(complete);
        return new CheckedRequest(present(tensors), batchSize,
                complete.requestedOutputs().isEmpty() ? allOutputs : complete.requestedOutputs());
    }

    private static List<Tensor> present(@Nullable Tensor[] tensors) {
        if (tensors.length == 1 && tensors[0] != null) {
            return List.of(tensors[0]);
        }
        List<Tensor> present = new ArrayList<>(tensors.length);
        for (@Nullable
        Tensor tensor : tensors) {
            if (tensor != null) {
                present.add(tensor);
            }
        }
        return present;
    }

    /** Returns the shape that clients see for an output that the backend made with that shape. */
    public Shape clientShape(String output, Shape backendShape) {
        Reshape reshape = outputs.get(output);
        return reshape == null ? backendShape : reshape.apply(backendShape);
    }

    String model() {
        return model;
    }

    boolean isBatching() {
        return maxBatchSize > 0;
    }

    /** The model's inputs in the order of the configuration. */
    List<ModelInput> configuredInputs() {
        return inputsInOrder.stream().map(expected -> expected.config).toList();
    }

    private void checkNumberOfInputs(RequestData request) {
        int count = request.inputs().size();
        if (count <= inputsInOrder.size() && count >= requiredInputs) {
            return;
        }
        List<String> given = request.inputs().reversed().stream().map(InputData::name).toList();
        List<String> missing = inputsInOrder.stream().map(expected -> expected.config)
                .filter(input -> !input.isOptional() && !given.contains(input.name())).map(ModelInput::name).toList();
        String expected = requiredInputs == inputsInOrder.size()
                ? "expected " + requiredInputs + " inputs"
                : "expected number of inputs between " + requiredInputs + " and " + inputsInOrder.size();
        throw invalid(request,
                expected + " but got " + count + " inputs for model '" + model + "'. Got input(s) [" + quoted(given)
                        + "], but missing required input(s) " + (missing.isEmpty() ? "" : "[") + quoted(missing)
                        + "]. Please provide all required input(s).");
    }

    private ExpectedInput expected(RequestData request, InputData input, int position) {
        // Raw requests name their input differently, and have just the one.
        ExpectedInput expected = request.isRaw() ? inputsInOrder.get(position) : inputs.get(input.name());
        if (expected == null) {
            throw InferenceException
                    .invalid("unexpected inference input '" + input.name() + "' for model '" + model + "'");
        }
        return expected;
    }

    private int batchSize(RequestData request) {
        long batchSize = -1;
        for (int i = request.inputs().size() - 1; i >= 0; i--) {
            InputData input = request.inputs().get(i);
            ExpectedInput expected = expected(request, input, i);
            if (!expected.hasBatchDimension) {
                continue;
            }
            if (input.rank() == 0) {
                throw invalid(request, "input '" + input.name()
                        + "' has no shape but model requires batch dimension for '" + model + "'");
            }
            if (batchSize == -1) {
                batchSize = input.dimension(0);
            } else if (batchSize != input.dimension(0)) {
                throw invalid(request,
                        "input '" + input.name() + "' batch size does not match other inputs for '" + model + "'");
            }
        }
        if (!isBatching()) {
            return 1;
        }
        // A negative size is a dimension that wrapped; the check of all dimensions names it.
        if (batchSize > maxBatchSize) {
            throw invalid(request,
                    "inference request batch-size must be <= " + maxBatchSize + " for '" + model + "'");
        }
        if (batchSize == 0 && configuredInputs().stream().allMatch(RequestValidator::hasFixedDims)) {
            throw invalid(request, "inference request batch-size must be >= 1 for '" + model + "'");
        }
        return batchSize < 0 ? 1 : (int) batchSize;
    }

    private Tensor check(RequestData request, InputData input, ExpectedInput expected) {
        Optional<DataType> wanted = expected.config.dataType();
        if (input.dataType().isEmpty() || (wanted.isPresent() && !wanted.equals(input.dataType()))) {
            throw invalid(request,
                    "inference input '" + input.name() + "' data-type is '"
                            + input.dataType().map(DataType::name).orElse("<invalid>") + "', but model '" + model
                            + "' expects '" + wanted.map(DataType::name).orElse("<invalid>") + "'");
        }
        DataType dataType = input.dataType().get();
        for (int i = 0; i < input.rank(); i++) {
            if (input.dimension(i) < 0) {
                throw invalid(request, "All input dimensions should be specified for input '" + input.name()
                        + "' for model '" + model + "', got " + input.shapeText());
            }
        }
        if (!expected.matches(input)) {
            throw invalid(request,
                    "unexpected shape for input '" + input.name() + "' for model '" + model + "'. Expected "
                            + expected.shapeText + ", got " + input.shapeText() + ". "
                            + (isBatching() ? BATCH_NOTE : ""));
        }
        Shape shape = expected.shape(input);
        Shape backendShape = expected.reshape == null ? shape : expected.reshape.apply(shape);
        if (dataType.isFixedSize()) {
            long bytes = byteSize(input, dataType, shape);
            long given = input.data().byteSize();
            if (expected.config.isNonLinearFormat() && isPadded(given, bytes, backendShape)) {
                int padded = isBatching() ? 1 : 0;
                long[] dimensions = backendShape.toArray();
                dimensions[padded] = given / (bytes / dimensions[padded]);
                backendShape = Shape.of(dimensions);
            } else if (bytes != given) {
                throw invalid(request, "input byte size mismatch for input '" + input.name() + "' for model '" + model
                        + "'. Expected " + bytes + ", got " + given);
            }
        } else {
            BytesCheck.check(input.data(), elementCount(input, shape), RequestIds.prefix(request.id()),
                    "inference input '" + input.name() + "' for model '" + model + "'");
        }
        return new Tensor(expected.config.name(), dataType, backendShape, input.data());
    }

    /**
     * Returns whether a tensor in a layout of its own brings more than its shape needs: such layouts pad the first
     * dimension behind the batch, and only the engine knows by how much. The backend gets the shape of what is there.
     */
    private boolean isPadded(long given, long bytes, Shape shape) {
        int padded = isBatching() ? 1 : 0;
        return bytes > 0 && given > bytes && padded < shape.rank() && given % (bytes / shape.dimension(padded)) == 0;
    }

    private static long byteSize(InputData input, DataType dataType, Shape shape) {
        long count = elementCount(input, shape);
        if (count > Long.MAX_VALUE / dataType.byteSize()) {
            throw tooLarge(input);
        }
        return count * dataType.byteSize();
    }

    private static long elementCount(InputData input, Shape shape) {
        try {
            return shape.elementCount();
        } catch (InferenceException overflow) {
            throw new InferenceException(StatusCode.INVALID_ARG, tooLarge(input).getMessage(), overflow);
        }
    }

    private static InferenceException tooLarge(InputData input) {
        return InferenceException
                .invalid("byte size for tensor '" + input.name() + "' exceeds maximum size of " + Long.MAX_VALUE);
    }

    private void checkCorrelationId(RequestData request) {
        if (correlationControl.isEmpty()) {
            return;
        }
        // No id counts as the number 0.
        DataType wanted = correlationControl.get().dataType();
        boolean isText = request.correlationId() instanceof CorrelationId.Text;
        if (isText != (wanted == DataType.BYTES)) {
            throw invalid(request,
                    "sequence batching control '" + correlationInput + "' data-type is '"
                            + (isText ? DataType.BYTES : DataType.UINT64) + "', but model '" + model + "' expects '"
                            + wanted + "'");
        }
    }

    private static Optional<Scheduling.ControlInput> correlationInput(ModelConfig config) {
        return config.scheduling() instanceof Scheduling.SequenceBatching sequence
                ? sequence.controlInputs().stream()
                        .filter(input -> input.controls().stream().anyMatch(RequestValidator::isId)).findFirst()
                : Optional.empty();
    }

    private static boolean isId(Scheduling.Control control) {
        return control.kind() == Scheduling.ControlKind.CORRELATION_ID;
    }

    static InferenceException invalid(RequestData request, String message) {
        return InferenceException.invalid(RequestIds.prefix(request.id()) + message);
    }

    private static String quoted(List<String> names) {
        return names.stream().map(name -> "'" + name + "'").collect(Collectors.joining(","));
    }

    /** What the configuration says about one input. */
    private static final class ExpectedInput {
        final ModelInput config;
        final int index;
        final boolean hasBatchDimension;
        final String shapeText;
        final @Nullable Reshape reshape;
        private final long[] dimensions;
        /** Most requests have the shape of the last one. Any thread may see any of them, which are all whole. */
        private Shape lastShape = Shape.of();

        ExpectedInput(ModelInput config, boolean isBatching, int index) {
            this.config = config;
            this.index = index;
            hasBatchDimension = isBatching && !config.isShapeTensor();
            Dims full = hasBatchDimension ? config.dims().prepend(Dims.ANY) : config.dims();
            dimensions = full.toArray();
            shapeText = full.toString();
            reshape = config.reshape().map(to -> new Reshape(config.dims(), to, hasBatchDimension)).orElse(null);
        }

        Shape shape(InputData input) {
            Shape shape = lastShape;
            if (!input.hasShape(shape)) {
                shape = Shape.of(input.dimensions());
                lastShape = shape;
            }
            return shape;
        }

        boolean matches(InputData input) {
            if (input.rank() != dimensions.length) {
                return false;
            }
            for (int i = 0; i < dimensions.length; i++) {
                if (dimensions[i] != Dims.ANY && dimensions[i] != input.dimension(i)) {
                    return false;
                }
            }
            return true;
        }
    }

    private static boolean hasFixedDims(ModelInput input) {
        return Arrays.stream(input.dims().toArray()).noneMatch(dim -> dim == Dims.ANY);
    }
}
