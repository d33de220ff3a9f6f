package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.tensorrt.EngineLayout.Format;
import dev.nereid.backend.tensorrt.EngineLayout.IoTensor;
import dev.nereid.backend.tensorrt.EngineLayout.Profile;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class TensorPlanTest {
    @Test
    void takesWhatFits() {
        TensorPlan plan = TensorPlan.of(Plans.additionConfig("m").build(), Plans.addition());

        assertEquals(List.of("INPUT0", "INPUT1"), plan.inputs().stream().map(TensorPlan.InputSlot::name).toList());
        assertEquals(Dims.of(-1, -1), plan.inputs().getFirst().dims());
        assertEquals(List.of("OUTPUT0"), plan.outputs().stream().map(TensorPlan.OutputSlot::name).toList());
    }

    @Test
    void refusesAnotherDatatype() {
        assertFailure("unexpected datatype TYPE_FP32 for inference input 'INPUT0', expecting TYPE_INT32 for m",
                inputs(new ModelInput("INPUT0", DataType.INT32, Dims.of(-1)),
                        new ModelInput("INPUT1", DataType.FP32, Dims.of(-1))));
        assertFailure("unsupported datatype TYPE_FP64 for input 'INPUT0' for model 'm'",
                inputs(new ModelInput("INPUT0", DataType.FP64, Dims.of(-1)),
                        new ModelInput("INPUT1", DataType.FP32, Dims.of(-1))));
    }

    @Test
    void refusesAnotherShape() {
        assertFailure("model 'm', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,-1]) but the model"
                + " configuration specifies 3 dimensions (an initial batch dimension because max_batch_size > 0 followed"
                + " by the explicit tensor shape, making complete shape [-1,2,2])",
                inputs(new ModelInput("INPUT0", DataType.FP32, Dims.of(2, 2)),
                        new ModelInput("INPUT1", DataType.FP32, Dims.of(-1))));
        assertFailure("model 'm', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,-1]) but the model"
                + " configuration specifies 1 dimensions (shape [-1])", Plans.additionConfig("m").maxBatchSize(0));
    }

    @Test
    void refusesMissingAndUnknownTensors() {
        assertFailure("expected configuration for input 'INPUT1' for m",
                inputs(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1))));
        assertFailure("expected configuration for output 'OUTPUT0' for m",
                Plans.additionConfig("m").outputs(List.of()));
        assertFailure("unexpected inference input 'NO', allowed inputs are: INPUT0, INPUT1",
                inputs(new ModelInput("NO", DataType.FP32, Dims.of(-1))));
        assertFailure("input 'OUTPUT0' is expected to be an input in model for m",
                inputs(new ModelInput("OUTPUT0", DataType.FP32, Dims.of(-1))));
        assertFailure("unable to load model 'm', configuration expects 3 inputs, model provides at most 2",
                inputs(new ModelInput("A", DataType.FP32, Dims.of(-1)), new ModelInput("B", DataType.FP32, Dims.of(-1)),
                        new ModelInput("C", DataType.FP32, Dims.of(-1))));
        assertFailure("output 'OUTPUT0'  has already appeared as an input or output for m",
                Plans.additionConfig("m").outputs(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(-1)),
                        new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(-1)))));
    }

    @Test
    void refusesWrongMarks() {
        assertFailure(
                "input 'INPUT0' for model 'm' is incorrectly marked as a shape tensor in the model configuration.",
                inputs(marked(true, false)));
        assertFailure(
                "input 'INPUT0' for model 'm' uses a linear IO format, but 'is_non_linear_format_io' is incorrectly"
                        + " set to true in the model configuration.",
                inputs(marked(false, true)));

        IoTensor packed = new IoTensor("INPUT0", true, Optional.of(DataType.FP32), "FLOAT", Dims.of(-1, 4), false,
                false,
                new Format("CHW4", 1, 4));
        assertEquals("input 'INPUT0' for model 'm' uses a non-linear IO format, but 'is_non_linear_format_io' is"
                + " incorrectly set to false in the model configuration.",
                failure(inputs(new ModelInput("INPUT0", DataType.FP32, Dims.of(4))).build(), engine(packed)));

        IoTensor shape = new IoTensor("INPUT0", true, Optional.of(DataType.INT32), "INT32", Dims.of(2), true, true,
                Format.LINEAR);
        assertEquals("input 'INPUT0' for model 'm' is a shape tensor but the model configuration doesn't mark it as a"
                + " shape tensor.",
                failure(inputs(new ModelInput("INPUT0", DataType.INT32, Dims.of(1))).build(), engine(shape)));
    }

    @Test
    void refusesAShapeTensorOfUnknownLength() {
        IoTensor shape = new IoTensor("INPUT0", true, Optional.of(DataType.INT32), "INT32", Dims.of(-1), true, true,
                Format.LINEAR);
        ModelInput input = new ModelInput("INPUT0", Optional.of(DataType.INT32), ModelInput.Format.NONE, Dims.of(-1),
                Optional.empty(), true, false, false, false);
        assertEquals("unable to load model 'm', binding 'INPUT0' shape expected by framework [-1] doesn't match model"
                + " configuration shape [-1]", failure(inputs(input).maxBatchSize(0).build(), engine(shape)));
    }

    @Test
    void refusesARaggedInputThatIsNotFlat() {
        assertFailure("model 'm', tensor 'INPUT0': for the model to support ragged input, the engine shape is: [-1,-1]"
                + " while the model config shape is: [-1]; expected an engine shape of [-1]",
                inputs(new ModelInput("INPUT0", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(-1),
                        Optional.empty(), false, true, false, false)));
    }

    @Test
    void countsThePaddingOfVectorFormats() {
        assertEquals(2 * 4 * 4, new Format("CHW4", 1, 4).byteSize(new long[]{2, 3}, DataType.FP32));
        assertEquals(2 * 3 * 4, Format.LINEAR.byteSize(new long[]{2, 3}, DataType.FP32));
    }

    private static ModelInput marked(boolean isShape, boolean isNonLinear) {
        return new ModelInput("INPUT0", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(-1),
                Optional.empty(),
                isShape, false, false, isNonLinear);
    }

    private static ModelConfig.Builder inputs(ModelInput... inputs) {
        return Plans.additionConfig("m").inputs(List.of(inputs));
    }

    private static EngineLayout engine(IoTensor input) {
        return new EngineLayout(List.of(input, new IoTensor("OUTPUT0", false, DataType.FP32, Dims.of(-1, -1))),
                List.of(new Profile(Map.of(), Map.of())), 0);
    }

    private static void assertFailure(String message, ModelConfig.Builder config) {
        assertEquals(message, failure(config.build(), Plans.addition()));
    }

    private static String failure(ModelConfig config, EngineLayout engine) {
        return assertThrows(InferenceException.class, () -> TensorPlan.of(config, engine)).getMessage();
    }
}
