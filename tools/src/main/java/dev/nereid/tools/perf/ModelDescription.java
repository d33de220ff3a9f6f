package dev.nereid.tools.perf;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.json.JsonValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What has to be known of a model to send it requests.
 *
 * @param name its name
 * @param maxBatchSize the largest batch; 0 where its tensors have no batch dimension
 * @param inputs its inputs
 * @param isDecoupled whether it answers a request any number of times
 * @param takesSequences whether requests must belong to sequences
 */
public record ModelDescription(String name, long maxBatchSize, List<TensorDescription> inputs, boolean isDecoupled,
        boolean takesSequences) {
    /** Keeps a copy of the list. */
    public ModelDescription {
        inputs = List.copyOf(inputs);
    }

    /** Reads the answers of the metadata and the configuration endpoint. */
    static ModelDescription of(JsonValue metadata, JsonValue config) {
        String name = metadata.member("name").asString();
        long maxBatchSize = config.find("max_batch_size").map(JsonValue::asLong).orElse(0L);
        List<JsonValue> configured = config.find("input").map(JsonValue::elements).orElse(List.of());
        List<TensorDescription> inputs = new ArrayList<>();
        for (JsonValue input : metadata.find("inputs").map(JsonValue::elements).orElse(List.of())) {
            String inputName = input.member("name").asString();
            inputs.add(input(name, inputName, input.member("datatype").asString(),
                    input.member("shape").elements().stream().map(JsonValue::asLong).toList(), maxBatchSize > 0,
                    isOptional(configured, inputName)));
        }
        boolean isDecoupled = config.find("model_transaction_policy").flatMap(policy -> policy.find("decoupled"))
                .map(JsonValue::asBoolean).orElse(false);
        return new ModelDescription(name, maxBatchSize, inputs, isDecoupled,
                config.find("sequence_batching").isPresent());
    }

    /** Returns an input as the metadata describe it, whose shape begins with the batch where the model batches. */
    static TensorDescription input(String model, String name, String type, List<Long> shape, boolean isBatching,
            boolean isOptional) {
        DataType dataType = DataType.parse(type).orElseThrow(() -> new PerfException(
                "input '" + name + "' of model '" + model + "' has the unknown datatype '" + type + "'"));
        return new TensorDescription(name, dataType,
                isBatching && !shape.isEmpty() ? shape.subList(1, shape.size()) : shape, isOptional);
    }

    private static boolean isOptional(List<JsonValue> configured, String name) {
        return configured.stream()
                .filter(input -> input.find("name").map(JsonValue::asString).equals(Optional.of(name)))
                .anyMatch(input -> input.find("optional").map(JsonValue::asBoolean).orElse(false));
    }

    /** Returns the input of that name. */
    public Optional<TensorDescription> input(String inputName) {
        return inputs.stream().filter(input -> input.name().equals(inputName)).findFirst();
    }
}
