package dev.nereid.backend.identity;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An input and the output that is its copy.
 *
 * @param inputName the input
 * @param outputName the output
 * @param isOptional whether the input may be missing: the output is zeros then
 * @param dataType the datatype of both; empty where there is none, which the server refuses before it executes anything
 * @param dims the dimensions of the output, without that of the batch; an open one has size 1 in such zeros
 * @param isBatching whether there is a dimension of the batch
 */
record TensorPair(String inputName, String outputName, boolean isOptional, Optional<DataType> dataType,
        Dims dims, boolean isBatching) {
    private static final Pattern INPUT = Pattern.compile("INPUT(\\d{1,9})");
    private static final Pattern OUTPUT = Pattern.compile("OUTPUT(\\d{1,9})");

    /**
     * Returns the pairs of a configuration, in the order of their indices.
     *
     * @throws InferenceException INVALID_ARG when inputs and outputs are not pairs
     */
    static List<TensorPair> allOf(ModelConfig config) {
        if (config.inputs().size() != config.outputs().size()) {
            throw InferenceException.invalid("model configuration must have equal input/output pairs");
        }
        Map<Integer, ModelInput> inputs = new TreeMap<>();
        for (ModelInput input : config.inputs()) {
            inputs.put(index(INPUT, input.name(), "input"), input);
        }
        Map<Integer, ModelOutput> outputs = new TreeMap<>();
        for (ModelOutput output : config.outputs()) {
            int index = index(OUTPUT, output.name(), "output");
            ModelInput input = inputs.get(index);
            if (input == null) {
                throw InferenceException.invalid("expected input and output indices to match");
            }
            checkPair(input, output);
            outputs.put(index, output);
        }
        List<TensorPair> pairs = new ArrayList<>();
        outputs.forEach((index, output) -> {
            ModelInput input = inputs.get(index);
            if (input != null) {
                pairs.add(new TensorPair(input.name(), output.name(), input.isOptional(),
                        output.dataType(), output.backendDims(), config.isBatching()));
            }
        });
        return List.copyOf(pairs);
    }

    /** Returns the shape of the output of a request that lacks the input. */
    Shape zeros(int batchSize) {
        long[] dimensions = dims.toArray();
        for (int i = 0; i < dimensions.length; i++) {
            dimensions[i] = Math.max(1, dimensions[i]);
        }
        Shape shape = Shape.of(dimensions);
        return isBatching ? shape.prepend(batchSize) : shape;
    }

    private static int index(Pattern pattern, String name, String what) {
        Matcher matcher = pattern.matcher(name);
        if (!matcher.matches()) {
            throw InferenceException.invalid("expected " + what + " name to follow " + what.toUpperCase(Locale.ROOT)
                    + "<index> pattern, got '" + name + "'");
        }
        return Integer.parseInt(matcher.group(1));
    }

    private static void checkPair(ModelInput input, ModelOutput output) {
        if (!input.dataType().equals(output.dataType())) {
            throw InferenceException.invalid("expected input and output datatype to match, got "
                    + configName(input.dataType()) + " and " + configName(output.dataType()));
        }
        if (!input.backendDims().equals(output.backendDims())) {
            throw InferenceException.invalid("expected input and output shape to match, got " + input.backendDims()
                    + " and " + output.backendDims());
        }
    }

    private static String configName(Optional<DataType> dataType) {
        return dataType.map(DataType::configName).orElse("TYPE_INVALID");
    }
}
