package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import java.util.List;
import java.util.Optional;

/** Models for tests, and configurations for them. */
final class TestGraphs {
    private TestGraphs() {
    }

    /** Returns a model with two inputs, and their sum and difference as outputs. */
    static OnnxGraph addSub(DataType type, long... shape) {
        return new OnnxGraph("add_sub").input("A", type, shape).input("B", type, shape).output("SUM", type, shape)
                .output("DIFFERENCE", type, shape).node("Add", List.of("A", "B"), List.of("SUM"))
                .node("Sub", List.of("A", "B"), List.of("DIFFERENCE"));
    }

    /** Returns a model that answers what it is asked. */
    static OnnxGraph identity(DataType type, long... shape) {
        return new OnnxGraph("identity").input("X", type, shape).output("Y", type, shape).node("Identity",
                List.of("X"), List.of("Y"));
    }

    /** Returns a model whose second input has a value of its own, 10. */
    static OnnxGraph optional() {
        return new OnnxGraph("optional").input("A", DataType.FP32, -1).input("B", DataType.FP32, 1)
                .output("SUM", DataType.FP32, -1).constant("B", new long[]{1}, 10f)
                .node("Add", List.of("A", "B"), List.of("SUM"));
    }

    static ModelConfig.Builder config(String name, List<ModelInput> inputs, List<ModelOutput> outputs) {
        return ModelConfig.builder(name).backend("onnxruntime").platform("onnxruntime_onnx").inputs(inputs)
                .outputs(outputs);
    }

    /** Returns the configuration of {@link #identity} without a batch dimension. */
    static ModelConfig.Builder identityConfig(DataType type, long... dims) {
        return config("identity", List.of(new ModelInput("X", type, Dims.of(dims))),
                List.of(new ModelOutput("Y", type, Dims.of(dims))));
    }

    /** Returns the configuration of {@link #optional}. */
    static ModelConfig.Builder optionalConfig() {
        return config("optional", List.of(new ModelInput("A", DataType.FP32, Dims.of(-1)), optionalInput("B", 1)),
                List.of(new ModelOutput("SUM", DataType.FP32, Dims.of(-1))));
    }

    static ModelInput optionalInput(String name, long... dims) {
        return new ModelInput(name, Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(dims),
                Optional.empty(), false, false, true, false);
    }
}
