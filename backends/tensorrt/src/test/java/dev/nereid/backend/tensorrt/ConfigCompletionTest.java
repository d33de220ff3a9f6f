package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.tensorrt.EngineLayout.IoTensor;
import dev.nereid.backend.tensorrt.EngineLayout.Profile;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ConfigCompletionTest {
    @Test
    void takesEverythingFromTheEngine() {
        ModelConfig completed = ConfigCompletion.complete(Plans.config("m").build(), Plans.addition());

        assertEquals(8, completed.maxBatchSize());
        assertEquals(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1)),
                new ModelInput("INPUT1", DataType.FP32, Dims.of(-1))), completed.inputs());
        assertEquals(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(-1))), completed.outputs());
        assertInstanceOf(Scheduling.DynamicBatching.class, completed.scheduling());
    }

    @Test
    void keepsASmallerBatchAndAGivenScheduler() {
        ModelConfig completed = ConfigCompletion.complete(Plans.config("m").maxBatchSize(1).build(), Plans.addition());

        assertEquals(1, completed.maxBatchSize());
        assertInstanceOf(Scheduling.Direct.class, completed.scheduling());
    }

    @Test
    void refusesALargerBatch() {
        assertFailure(StatusCode.INTERNAL, "autofill failed for model 'm': configuration specified max-batch 9 but"
                + " TensorRT engine only supports max-batch 8",
                Plans.config("m").maxBatchSize(9).build(), Plans.addition());
    }

    @Test
    void completesWhatIsMissingOfAnInput() {
        ModelInput bare = new ModelInput("INPUT1", Optional.empty(), ModelInput.Format.NONE, Dims.of(),
                Optional.empty(),
                false, false, false, false);
        ModelConfig completed = ConfigCompletion.complete(Plans.config("m").inputs(List.of(bare)).build(),
                Plans.addition());

        assertEquals(List.of(new ModelInput("INPUT1", DataType.FP32, Dims.of(-1))), completed.inputs());
    }

    @Test
    void dimsWithTheBatchDimensionMeanNoBatching() {
        ModelConfig config = Plans.config("m")
                .inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1, -1)))).build();

        ModelConfig completed = ConfigCompletion.complete(config, Plans.addition());

        assertEquals(0, completed.maxBatchSize());
        assertEquals(Dims.of(-1, -1), completed.outputs().getFirst().dims());
    }

    @Test
    void refusesDimsThatContradictEachOther() {
        assertFailure(StatusCode.INTERNAL, "unable to autofill for 'm', model tensor configurations are contradicting"
                + " each other in terms of whether batching is supported",
                Plans.config("m").inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1)),
                        new ModelInput("INPUT1", DataType.FP32, Dims.of(-1, -1)))).build(),
                Plans.addition());
    }

    @Test
    void refusesABatchHintForAnEngineWithoutBatch() {
        assertFailure(StatusCode.INTERNAL, "autofill failed for model 'm': model tensor shape configuration hints for"
                + " dynamic batching but the underlying engine doesn't support batching.",
                Plans.config("m").inputs(List.of(new ModelInput("IN", DataType.FP32, Dims.of(3)))).build(),
                fixed(Dims.of(4, 3)));
    }

    @Test
    void aFixedFirstDimensionIsNoBatch() {
        ModelConfig completed = ConfigCompletion.complete(Plans.config("m").build(), fixed(Dims.of(4, 3)));

        assertEquals(0, completed.maxBatchSize());
        assertEquals(Dims.of(4, 3), completed.inputs().getFirst().dims());
    }

    @Test
    void aFirstDimensionOfOneIsABatchOfOne() {
        ModelConfig completed = ConfigCompletion.complete(Plans.config("m").build(), fixed(Dims.of(1, 3)));

        assertEquals(1, completed.maxBatchSize());
        assertEquals(Dims.of(3), completed.inputs().getFirst().dims());
        assertInstanceOf(Scheduling.Direct.class, completed.scheduling());
    }

    @Test
    void reshapesWhatWouldHaveNoDims() {
        ModelConfig completed = ConfigCompletion.complete(Plans.config("m").build(), fixed(Dims.of(1)));

        assertEquals(Dims.of(1), completed.inputs().getFirst().dims());
        assertEquals(Optional.of(Dims.of()), completed.inputs().getFirst().reshape());
    }

    @Test
    void takesTheLargestBatchOfTheConfiguredProfiles() {
        EngineLayout engine = Plans.addition(profile(4), profile(32), profile(16));

        assertEquals(4, ConfigCompletion.complete(Plans.config("m").build(), engine).maxBatchSize());
        assertEquals(32, ConfigCompletion.complete(withProfiles("0", "1"), engine).maxBatchSize());
        assertFailure(StatusCode.INTERNAL, "unable to autofill for 'm', configuration specified invalid profile 3 ."
                + " Number of profiles supported by TensorRT engine: 3", withProfiles("3"), engine);
    }

    @Test
    void refusesUnknownNamesAndWrongMarks() {
        assertFailure(StatusCode.INVALID_ARG, "unexpected inference input 'NO', allowed inputs are: INPUT0, INPUT1",
                Plans.config("m").inputs(List.of(new ModelInput("NO", DataType.FP32, Dims.of(-1)))).build(),
                Plans.addition());
        assertFailure(StatusCode.INVALID_ARG, "'INPUT0' is incorrectly specified as a shape tensor.",
                marked(true, false), Plans.addition());
        assertFailure(StatusCode.INVALID_ARG, "'INPUT0' uses a linear IO format, but 'is_non_linear_format_io' is"
                + " incorrectly set to true in the model configuration.", marked(false, true), Plans.addition());
    }

    @Test
    void marksShapeTensorsAndLeavesOutTheBatchValue() {
        EngineLayout engine = new EngineLayout(List.of(new IoTensor("IN", true, DataType.FP32, Dims.of(-1, -1)),
                new IoTensor("SHAPE", true, Optional.of(DataType.INT32), "INT32", Dims.of(3), true, true,
                        EngineLayout.Format.LINEAR),
                new IoTensor("OUT", false, DataType.FP32, Dims.of(-1, -1))),
                List.of(new Profile(Map.of("IN", Plans.rows(1, 2, 8)),
                        Map.of("SHAPE", Plans.range(Dims.of(1, 1, 1), Dims.of(2, 2, 2), Dims.of(4, 9, 9))))),
                0);

        ModelConfig completed = ConfigCompletion.complete(Plans.config("m").build(), engine);

        assertEquals(4, completed.maxBatchSize());
        assertTrue(completed.inputs().get(1).isShapeTensor());
        assertFalse(completed.inputs().getFirst().isShapeTensor());
        assertEquals(Dims.of(2), completed.inputs().get(1).dims());
    }

    @Test
    void refusesTypesThatTheProtocolLacks() {
        EngineLayout engine = new EngineLayout(List.of(new IoTensor("IN", true, Optional.empty(), "FP8", Dims.of(1, 3),
                false, false, EngineLayout.Format.LINEAR)), List.of(new Profile(Map.of(), Map.of())), 0);

        assertFailure(StatusCode.INTERNAL, "unsupported datatype FP8 for input 'IN' for model 'm'",
                Plans.config("m").build(), engine);
    }

    private static Profile profile(long max) {
        return new Profile(Map.of("INPUT0", Plans.rows(1, 2, max), "INPUT1", Plans.rows(1, 2, max)), Map.of());
    }

    private static ModelConfig withProfiles(String... names) {
        return Plans.config("m").instanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.GPU, 1, List.of(),
                InstanceGroup.RateLimiter.NONE, List.of(), List.of(names), false, ""))).build();
    }

    private static ModelConfig marked(boolean isShape, boolean isNonLinear) {
        return Plans.config("m").inputs(List.of(new ModelInput("INPUT0", Optional.of(DataType.FP32),
                ModelInput.Format.NONE, Dims.of(-1), Optional.empty(), isShape, false, false, isNonLinear))).build();
    }

    private static EngineLayout fixed(Dims dims) {
        return new EngineLayout(List.of(new IoTensor("IN", true, DataType.FP32, dims),
                new IoTensor("OUT", false, DataType.FP32, dims)),
                List.of(new Profile(Map.of("IN", Plans.range(dims, dims, dims)), Map.of())), 0);
    }

    private static void assertFailure(StatusCode code, String message, ModelConfig config, EngineLayout engine) {
        var failure = assertThrows(InferenceException.class, () -> ConfigCompletion.complete(config, engine));
        assertEquals(message, failure.getMessage());
        assertEquals(code, failure.code());
    }
}
