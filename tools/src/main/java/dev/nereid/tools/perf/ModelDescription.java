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
 */
record ModelDescription(String name, long maxBatchSize, List<TensorDescription> inputs) {
    ModelDescription {
        inputs = List.copyOf(inputs);
    }

    /** Reads the answers of the metadata and the configuration endpoint. */
    static ModelDescription of(JsonValue metadata, JsonValue config) {
        String name = metadata.member("name").asString();
        if (config.find("sequence_batching").isPresent()) {
            throw new PerfException("model '" + name + "' takes sequences of requests, which can't be made yet");
        }
        if (config.find("model_transaction_policy").flatMap(policy -> policy.find("decoupled"))
                .filter(JsonValue::asBoolean).isPresent()) {
            throw new PerfException(
                    "model '" + name + "' is decoupled, which means that it can't be asked over HTTP one by one");
        }
        long maxBatchSize = config.find("max_batch_size").map(JsonValue::asLong).orElse(0L);
        List<JsonValue> configured = config.find("input").map(JsonValue::elements).orElse(List.of());
        List<TensorDescription> inputs = new ArrayList<>();
        for (JsonValue input : metadata.find("inputs").map(JsonValue::elements).orElse(List.of())) {
            String inputName = input.member("name").asString();
            String type = input.member("datatype").asString();
            DataType dataType = DataType.parse(type).orElseThrow(() -> new PerfException(
                    "input '" + inputName + "' of model '" + name + "' has the unknown datatype '" + type + "'"));
            List<Long> shape = input.member("shape").elements().stream().map(JsonValue::asLong).toList();
            inputs.add(new TensorDescription(inputName, dataType,
                    maxBatchSize > 0 && !shape.isEmpty() ? shape.subList(1, shape.size()) : shape,
                    isOptional(configured, inputName)));
        }
        return new ModelDescription(name, maxBatchSize, inputs);
    }

    private static boolean isOptional(List<JsonValue> configured, String name) {
        return configured.stream()
                .filter(input -> input.find("name").map(JsonValue::asString).equals(Optional.of(name)))
                .anyMatch(input -> input.find("optional").map(JsonValue::asBoolean).orElse(false));
    }

    /** Returns the input of that name. */
    Optional<TensorDescription> input(String inputName) {
        return inputs.stream().filter(input -> input.name().equals(inputName)).findFirst();
    }
}
