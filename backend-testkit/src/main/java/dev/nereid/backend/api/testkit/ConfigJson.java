package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A model configuration as a load request brings it along. */
final class ConfigJson {
    private ConfigJson() {
    }

    /** Returns whether everything in a configuration that a test may set can be written. */
    static boolean canWrite(ModelConfig config) {
        return config.batchInputs().isEmpty() && config.batchOutputs().isEmpty();
    }

    /**
     * Writes what a configuration of a test holds. The scheduling is that which lets the server put requests together.
     *
     * @param backend the backend, where the configuration names none
     */
    static String write(ModelConfig config, String backend) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", config.name());
        if (!config.platform().isEmpty()) {
            json.put("platform", config.platform());
        }
        json.put("backend", config.backend().isEmpty() ? backend : config.backend());
        json.put("max_batch_size", config.maxBatchSize());
        json.put("input", config.inputs().stream().map(ConfigJson::input).toList());
        json.put("output", config.outputs().stream().map(ConfigJson::output).toList());
        if (!config.instanceGroups().isEmpty()) {
            json.put("instance_group", config.instanceGroups().stream().map(ConfigJson::group).toList());
        }
        if (!config.defaultModelFilename().isEmpty()) {
            json.put("default_model_filename", config.defaultModelFilename());
        }
        if (config.isDecoupled()) {
            json.put("model_transaction_policy", Map.of("decoupled", true));
        }
        if (config.maxBatchSize() > 1) {
            json.put("dynamic_batching", Map.of("max_queue_delay_microseconds", 20_000));
        }
        Map<String, Object> parameters = new TreeMap<>();
        config.parameters().forEach((key, value) -> parameters.put(key, Map.of("string_value", value)));
        json.put("parameters", parameters);
        return Json.write(json);
    }

    private static Map<String, Object> input(ModelInput input) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", input.name());
        input.dataType().map(DataType::configName).ifPresent(type -> json.put("data_type", type));
        json.put("dims", list(input.dims()));
        input.reshape().ifPresent(reshape -> json.put("reshape", Map.of("shape", list(reshape))));
        if (input.format() != ModelInput.Format.NONE) {
            json.put("format", "FORMAT_" + input.format());
        }
        json.put("allow_ragged_batch", input.allowRaggedBatch());
        json.put("optional", input.isOptional());
        return json;
    }

    private static Map<String, Object> output(ModelOutput output) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", output.name());
        output.dataType().map(DataType::configName).ifPresent(type -> json.put("data_type", type));
        json.put("dims", list(output.dims()));
        output.reshape().ifPresent(reshape -> json.put("reshape", Map.of("shape", list(reshape))));
        return json;
    }

    private static Map<String, Object> group(InstanceGroup group) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("kind", "KIND_" + group.kind());
        json.put("count", group.count());
        if (!group.gpus().isEmpty()) {
            json.put("gpus", group.gpus());
        }
        return json;
    }

    private static List<Long> list(Dims dims) {
        return Arrays.stream(dims.toArray()).boxed().toList();
    }
}
