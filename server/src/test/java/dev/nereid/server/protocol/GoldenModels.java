package dev.nereid.server.protocol;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The configurations that the recordings were made with, as far as requests depend on them. */
final class GoldenModels {
    private static final Map<String, ModelConfig> MODELS = new HashMap<>();

    static {
        for (DataType type : DataType.values()) {
            String suffix = type == DataType.BYTES ? "string" : type.name().toLowerCase(java.util.Locale.ROOT);
            add("t_" + suffix, 0, input(0, type, -1));
        }
        for (String name : List.of("ident_fp32", "ident_batch", "ident_vers", "ok_good")) {
            add(name, 8, input(0, DataType.FP32, 4));
        }
        add("ident_latest", 2, input(0, DataType.FP32, 4));
        add("ident_labels", 4, input(0, DataType.FP32, 4));
        add("ident_dyn", 8, input(0, DataType.FP32, -1, 2));
        add("ident_nobatch", 0, input(0, DataType.FP32, 2, 2));
        add("ident_seq", 4, input(0, DataType.INT32, 1));
        add("ident_text", 0, input(0, DataType.BYTES, 1));
        add("ident_two", 4, input(0, DataType.INT32, 2), input(1, DataType.BYTES, 2));
        ModelInput optional = new ModelInput("INPUT1", Optional.of(DataType.FP32), ModelInput.Format.NONE,
                Dims.of(2), Optional.empty(), false, false, true, false);
        add("ident_opt", 0, input(0, DataType.FP32, 2), optional);
        ModelInput reshaped = new ModelInput("INPUT0", Optional.of(DataType.FP32), ModelInput.Format.NONE,
                Dims.of(1), Optional.of(Dims.of()), false, false, false, false);
        add("ident_reshape", 4, reshaped);
    }

    private GoldenModels() {
    }

    static Optional<ModelConfig> find(String name) {
        return Optional.ofNullable(MODELS.get(name));
    }

    static ModelConfig get(String name) {
        return find(name).orElseThrow();
    }

    private static ModelInput input(int number, DataType type, long... dims) {
        return new ModelInput("INPUT" + number, type, Dims.of(dims));
    }

    private static void add(String name, int maxBatchSize, ModelInput... inputs) {
        List<ModelOutput> outputs = new ArrayList<>();
        for (ModelInput input : inputs) {
            outputs.add(new ModelOutput(input.name().replace("INPUT", "OUTPUT"), input.dataType(), input.dims(),
                    input.reshape(), "", false, false));
        }
        MODELS.put(name, ModelConfig.builder(name).maxBatchSize(maxBatchSize).inputs(List.of(inputs))
                .outputs(outputs).build());
    }
}
