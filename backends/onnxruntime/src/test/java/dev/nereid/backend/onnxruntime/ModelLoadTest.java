package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestTensor;
import dev.nereid.backend.onnxruntime.OnnxGraph.Attribute;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ModelLoadTest extends OnnxTest {
    private static final ModelConfig.Builder EMPTY = TestGraphs.config("m", List.of(), List.of());

    @Test
    void completesWhatTheModelTells() {
        try (TestModel model = complete(TestGraphs.addSub(DataType.FP32, -1, 16), EMPTY)) {
            ModelConfig config = model.config();

            assertEquals(4, config.maxBatchSize());
            assertEquals(List.of(new ModelInput("A", DataType.FP32, Dims.of(16)),
                    new ModelInput("B", DataType.FP32, Dims.of(16))), config.inputs());
            assertEquals(List.of("SUM", "DIFFERENCE"), config.outputs().stream().map(ModelOutput::name).toList());
            assertTrue(config.scheduling() instanceof Scheduling.DynamicBatching);
            assertEquals(Shape.of(1, 16), model.infer(TestRequest.of().fp32("A", Shape.of(1, 16), new float[16])
                    .fp32("B", Shape.of(1, 16), new float[16])).output("SUM").shape());
        }
    }

    @Test
    void completesAModelThatDoesNotBatch() {
        OnnxGraph graph = new OnnxGraph("fixed").input("X", DataType.INT64, -1, 3).input("S", DataType.INT64)
                .output("Y", DataType.INT64, -1, 3).node("Add", List.of("X", "S"), List.of("Y"));
        try (TestModel model = complete(graph, EMPTY)) {
            assertEquals(0, model.config().maxBatchSize());
            assertEquals(new Scheduling.Direct(), model.config().scheduling());
            assertEquals(List.of(Dims.of(-1, 3), Dims.of(1)),
                    model.config().inputs().stream().map(ModelInput::dims).toList());
        }
    }

    @Test
    void completesATensorThatIsNothingButTheBatch() {
        try (TestModel model = complete(TestGraphs.identity(DataType.FP32, -1), EMPTY)) {
            assertEquals(Dims.of(1), model.config().inputs().getFirst().dims());
            assertEquals(Optional.of(Dims.of()), model.config().inputs().getFirst().reshape());
            assertEquals(Optional.of(Dims.of()), model.config().outputs().getFirst().reshape());
        }
    }

    @Test
    void keepsWhatIsConfigured() {
        Scheduling preferred = new Scheduling.DynamicBatching(List.of(2), 100, false, 0, 0,
                QueuePolicy.DEFAULT, Map.of());
        List<ModelOutput> outputs = List.of(new ModelOutput("Y", DataType.FP32, Dims.of(2)));

        try (TestModel model = complete(TestGraphs.identity(DataType.FP32, -1, 2),
                TestGraphs.config("m", List.of(), outputs).maxBatchSize(2).scheduling(preferred))) {
            assertEquals(2, model.config().maxBatchSize());
            assertEquals(preferred, model.config().scheduling());
            assertEquals(outputs, model.config().outputs());
            assertEquals("X", model.config().inputs().getFirst().name());
        }
    }

    @Test
    void addsNothingToACompleteConfiguration() {
        try (TestModel model = complete(TestGraphs.identity(DataType.FP32, -1, 2),
                TestGraphs.identityConfig(DataType.FP32, -1, 2))) {
            assertEquals(0, model.config().maxBatchSize());
            assertEquals(new Scheduling.Direct(), model.config().scheduling());
        }
    }

    @Test
    void refusesToBatchWhatCanNotBatch() {
        write(TestGraphs.identity(DataType.FP32, 4));

        assertFailure(StatusCode.INVALID_ARG,
                "autofill failed for model 'm': model does not support batching while non-zero max_batch_size is"
                        + " specified",
                assertThrows(InferenceException.class,
                        () -> engine().load(directory, 1, TestGraphs.config("m", List.of(), List.of()).maxBatchSize(2)
                                .build(), true)));
    }

    private static OnnxGraph ofUnknownOutput() {
        return new OnnxGraph("unknown").input("X", DataType.FP32, -1, 2).input("S", DataType.INT64, -1)
                .outputOfUnknownShape("Y", DataType.FP32).node("Reshape", List.of("X", "S"), List.of("Y"));
    }

    private static void assertReshapes(TestModel model) {
        assertEquals(Shape.of(1, 4), model.infer(TestRequest.of().fp32("X", Shape.of(2, 2), 1, 2, 3, 4).int64("S",
                Shape.of(2), 1, 4)).output("Y").shape());
    }

    @Test
    void completesAnOutputOfWhichTheModelTellsNoShape() {
        try (TestModel model = complete(ofUnknownOutput(), EMPTY)) {
            assertEquals(0, model.config().maxBatchSize());
            assertEquals(List.of(new ModelOutput("Y", DataType.FP32, Dims.of(1))), model.config().outputs());
            assertReshapes(model);
        }
    }

    @Test
    void takesAnyDimsForAnOutputOfWhichTheModelTellsNoShape() {
        try (TestModel model = load(ofUnknownOutput(), TestGraphs.config("m",
                List.of(new ModelInput("X", DataType.FP32, Dims.of(-1, 2)),
                        new ModelInput("S", DataType.INT64, Dims.of(2))),
                List.of(new ModelOutput("Y", DataType.FP32, Dims.of(-1, -1)))))) {
            assertReshapes(model);
        }
    }

    /** Finds what is not zero: as many rows as there are such places, however many rows it is asked. */
    private static OnnxGraph detector(String found) {
        return new OnnxGraph("detector").inputOfRows("X", DataType.FP32, "batch", 3)
                .outputOfRows("BOXES", DataType.INT64, found, 2).node("NonZero", List.of("X"), List.of("places"))
                .node("Transpose", List.of("places"), List.of("BOXES"), Attribute.of("perm", List.of(1L, 0L)));
    }

    @Test
    void doesNotBatchWhereFirstDimensionsHaveDifferentNames() {
        try (TestModel model = complete(detector("found"), EMPTY)) {
            assertEquals(0, model.config().maxBatchSize());
            assertEquals(List.of(new ModelInput("X", DataType.FP32, Dims.of(-1, 3))), model.config().inputs());
            assertEquals(List.of(new ModelOutput("BOXES", DataType.INT64, Dims.of(-1, 2))), model.config().outputs());
            assertEquals(TestTensor.int64("BOXES", Shape.of(2, 2), 0, 0, 0, 2),
                    model.infer(TestRequest.of().fp32("X", Shape.of(1, 3), 1, 0, 2)).output("BOXES"));
        }
    }

    @Test
    void batchesWhereFirstDimensionsHaveTheSameNameOrNone() {
        OnnxGraph graph = new OnnxGraph("named").inputOfRows("A", DataType.FP32, "N", 2)
                .input("B", DataType.FP32, -1, 2)
                .outputOfRows("SUM", DataType.FP32, "N", 2).node("Add", List.of("A", "B"), List.of("SUM"));

        try (TestModel model = complete(graph, EMPTY)) {
            assertEquals(4, model.config().maxBatchSize());
        }
    }

    @Test
    void believesTheConfigurationThatTensorsOfDifferentNamesBatch() {
        OnnxGraph graph = new OnnxGraph("named").inputOfRows("X", DataType.FP32, "batch", 2)
                .outputOfRows("Y", DataType.FP32, "Y_dim_0", 2).node("Identity", List.of("X"), List.of("Y"));

        try (TestModel model = complete(graph, TestGraphs.config("m", List.of(), List.of()).maxBatchSize(8))) {
            assertEquals(8, model.config().maxBatchSize());
            assertEquals(Dims.of(2), model.config().outputs().getFirst().dims());
        }
    }

    /** One that claims to batch, and does not. */
    @Test
    void failsRatherThanCutsRowsBeyondTheBatch() {
        try (TestModel model = complete(detector("batch"), EMPTY)) {
            assertFailure(StatusCode.UNSUPPORTED, "[request id: <id_unknown>] failed to split the output tensor 'BOXES'"
                    + " in responses: expected batch size of 1 in model output, got 2",
                    model.infer(TestRequest.of().fp32("X", Shape.of(1, 3), 1, 0, 2)).failure());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "X | FP32  | -1,2 | Y | FP32 | -1,2 | Z | unable to load model 'identity', configuration expects 2 inputs,"
                + " model provides 1: X",
        "Q | FP32  | -1,2 | Y | FP32 | -1,2 | '' | unexpected inference input 'Q', allowed inputs are: X",
        "X | FP32  | -1,2 | Q | FP32 | -1,2 | '' | unexpected inference output 'Q', allowed outputs are: Y",
        "X | INT32 | -1,2 | Y | FP32 | -1,2 | '' | unable to load model 'identity', configuration expects datatype"
                + " TYPE_INT32 for input 'X', model provides TYPE_FP32",
        "X | FP32  | -1,2 | Y | BYTES | -1,2 | '' | unable to load model 'identity', configuration expects datatype"
                + " TYPE_STRING for output 'Y', model provides TYPE_FP32",
        "X | FP32  | -1,3 | Y | FP32 | -1,2 | '' | model 'identity', tensor 'X': the model expects 2 dimensions (shape"
                + " [-1,2]) but the model configuration specifies 2 dimensions (shape [-1,3])",
        "X | FP32  | 5,2  | Y | FP32 | 5,2  | '' | model 'identity', tensor 'Y': the model expects 2 dimensions (shape"
                + " [-1,2]) but the model configuration specifies 2 dimensions (shape [5,2])",
        "X | FP32  | 2    | Y | FP32 | -1,2 | '' | model 'identity', tensor 'X': the model expects 2 dimensions (shape"
                + " [-1,2]) but the model configuration specifies 1 dimensions (shape [2])"})
    void checksTheConfiguration(String input, DataType inputType, String inputDims, String output, DataType outputType,
            String outputDims, String secondInput, String message) {
        List<ModelInput> inputs = new ArrayList<>();
        inputs.add(new ModelInput(input, inputType, dims(inputDims)));
        if (!secondInput.isEmpty()) {
            inputs.add(new ModelInput(secondInput, inputType, dims(inputDims)));
        }

        assertFailure(StatusCode.INVALID_ARG, message, loadFailure(TestGraphs.identity(DataType.FP32, -1, 2),
                TestGraphs.config("identity", inputs, List.of(new ModelOutput(output, outputType, dims(outputDims))))));
    }

    private static Dims dims(String text) {
        return Dims.of(Arrays.stream(text.split(",", -1)).mapToLong(Long::parseLong).toArray());
    }

    @Test
    void checksTheBatchDimension() {
        assertFailure(StatusCode.INVALID_ARG,
                "model 'identity', tensor 'X': for the model to support batching the shape should have at least 1"
                        + " dimension and the first dimension must be -1; but shape expected by the model is [4,2]",
                loadFailure(TestGraphs.identity(DataType.FP32, 4, 2),
                        TestGraphs.identityConfig(DataType.FP32, 2).maxBatchSize(4)));
        assertFailure(StatusCode.INVALID_ARG,
                "model 'identity', tensor 'X': the model expects 2 dimensions (shape [-1,2]) but the model configuration"
                        + " specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by"
                        + " the explicit tensor shape, making complete shape [-1,3])",
                loadFailure(TestGraphs.identity(DataType.FP32, -1, 2),
                        TestGraphs.identityConfig(DataType.FP32, 3).maxBatchSize(4)));
    }

    @Test
    void refusesOptionalInputsWithoutAValue() {
        assertFailure(StatusCode.UNSUPPORTED,
                "unable to load model 'm', input 'X' is optional in the configuration, but the model has no value for"
                        + " it that could be used instead",
                loadFailure(TestGraphs.identity(DataType.FP32, -1), TestGraphs.config("m",
                        List.of(TestGraphs.optionalInput("X", -1)),
                        List.of(new ModelOutput("Y", DataType.FP32, Dims.of(-1))))));
    }

    @Test
    void refusesTensorsOfOtherKinds() {
        OnnxGraph graph = new OnnxGraph("sequence").input("X", DataType.FP32, -1).sequenceOutput("Y", DataType.FP32)
                .node("SequenceConstruct", List.of("X"), List.of("Y"));

        assertFailure(StatusCode.UNSUPPORTED,
                "Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE' for I/O 'Y', expected 'ONNX_TYPE_TENSOR'.",
                loadFailure(graph, TestGraphs.identityConfig(DataType.FP32, -1)));
    }

    @Test
    void refusesGpusWithAWayOut() {
        InferenceException failure = loadFailure(TestGraphs.identity(DataType.FP32, -1),
                TestGraphs.identityConfig(DataType.FP32, -1)
                        .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.GPU, 1))));

        assertFailure(StatusCode.UNSUPPORTED, "model 'identity' asks for instances of kind KIND_GPU, but the ONNX"
                + " Runtime beside the backend is the one for CPUs; use KIND_CPU, or replace its jar by that of"
                + " onnxruntime_gpu", failure);
    }

    @Test
    void refusesUnknownAccelerators() {
        Optimization openvino = new Optimization(0, Optimization.Priority.DEFAULT, Optimization.Cuda.DEFAULT, List.of(),
                List.of(new Optimization.Accelerator("openvino", Map.of())), true, true, 0, false);

        assertFailure(StatusCode.INVALID_ARG, "unknown Execution Accelerator 'openvino' is requested",
                loadFailure(TestGraphs.identity(DataType.FP32, -1),
                        TestGraphs.identityConfig(DataType.FP32, -1).optimization(openvino)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "intra_op_thread_count | two | failed to convert 'two' to integral number",
        "enable_mem_arena      | maybe | failed to convert 'maybe' to boolean",
        "execution_mode        | 2 | Invalid configuration value provided. Expected values for  execution_mode are 0 or"
                + " 1 but got 2 ."})
    void refusesParametersThatMakeNoSense(String key, String value, String message) {
        assertFailure(StatusCode.INVALID_ARG, message, loadFailure(TestGraphs.identity(DataType.FP32, -1),
                TestGraphs.identityConfig(DataType.FP32, -1).parameters(Map.of(key, value))));
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 1, 2})
    void executesWithAllParameters(int graphLevel) {
        Optimization level = new Optimization(graphLevel, Optimization.Priority.DEFAULT, Optimization.Cuda.DEFAULT,
                List.of(), List.of(), true, true, 0, false);
        Map<String, String> parameters = Map.of("intra_op_thread_count", "2", "inter_op_thread_count", "2",
                "execution_mode", "1", "enable_mem_arena", "1", "enable_mem_pattern", "0",
                "session.use_device_allocator_for_initializers", "1", "memory.enable_memory_arena_shrinkage", "cpu:0",
                "whatever", "else");

        try (TestModel model = load(TestGraphs.identity(DataType.FP32, -1),
                TestGraphs.identityConfig(DataType.FP32, -1).optimization(level).parameters(parameters))) {
            assertEquals(3, model.infer(TestRequest.of().fp32("X", Shape.of(1), 3)).output("Y").floats()[0]);
        }
    }

    @Test
    void findsTheModelInADirectory() throws IOException {
        Path inner = directory.resolve("1").resolve("model.onnx");
        Files.createDirectories(inner);
        TestGraphs.identity(DataType.FP32, -1).write(inner.resolve("model.onnx"));

        try (TestModel model = engine().load(directory, TestGraphs.identityConfig(DataType.FP32, -1).build())) {
            assertTrue(model.isReady());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "other.onnx", "../1/../../secret.onnx"})
    void tellsWhichFileIsMissing(String file) throws IOException {
        Files.createDirectories(directory.resolve("1"));

        InferenceException failure = assertThrows(InferenceException.class, () -> engine().load(directory,
                TestGraphs.identityConfig(DataType.FP32, -1).defaultModelFilename(file).build()));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertTrue(failure.getMessage().startsWith("unable to find '")
                && failure.getMessage().endsWith("' for model 'identity'"), failure.getMessage());
    }

    @Test
    void refusesOperatorsFromOutsideTheModelsDirectory() {
        assertFailure(StatusCode.INVALID_ARG,
                "library of operations '../evil.so' of model 'identity' is not found in the model's directory",
                loadFailure(TestGraphs.identity(DataType.FP32, -1),
                        TestGraphs.identityConfig(DataType.FP32, -1).operationLibraries(List.of("../evil.so"))));
    }

    @Test
    void tellsThatALibraryOfOperatorsIsBroken() throws IOException {
        Files.writeString(directory.resolve("ops.so"), "no library");

        InferenceException failure = loadFailure(TestGraphs.identity(DataType.FP32, -1),
                TestGraphs.identityConfig(DataType.FP32, -1).operationLibraries(List.of("ops.so")));

        assertEquals(StatusCode.INTERNAL, failure.code());
        assertFalse(failure.getMessage().contains(directory.toString()), failure.getMessage());
    }

    @Test
    void namesAnOperatorThatIsNotKnown() {
        OnnxGraph graph = new OnnxGraph("strange").input("X", DataType.FP32, -1).output("Y", DataType.FP32, -1)
                .node("NoSuchOperator", List.of("X"), List.of("Y"));

        InferenceException failure = loadFailure(graph, TestGraphs.identityConfig(DataType.FP32, -1));

        assertEquals(StatusCode.INTERNAL, failure.code());
        assertTrue(failure.getMessage().startsWith("failed to load model 'identity': onnx runtime error "),
                failure.getMessage());
        assertTrue(failure.getMessage().contains("NoSuchOperator"), failure.getMessage());
        assertFalse(failure.getMessage().contains(directory.toString()), failure.getMessage());
    }

    /** The bytes of a constant may lie in another file, but only in one beside the model. */
    @Test
    void refusesConstantsFromOutside() throws IOException {
        Files.write(directory.resolve("outside.bin"), new byte[4]);
        OnnxGraph graph = new OnnxGraph("external").input("X", DataType.FP32, -1).output("Y", DataType.FP32, -1)
                .externalConstant("C", DataType.FP32, new long[]{1}, "../outside.bin")
                .node("Add", List.of("X", "C"), List.of("Y"));

        assertEquals(StatusCode.INTERNAL,
                loadFailure(graph, TestGraphs.identityConfig(DataType.FP32, -1)).code());
    }

    @Test
    void readsConstantsFromAFileBesideTheModel() throws IOException {
        OnnxGraph graph = new OnnxGraph("external").input("X", DataType.FP32, -1).output("Y", DataType.FP32, -1)
                .externalConstant("C", DataType.FP32, new long[]{1}, "weights.bin")
                .node("Add", List.of("X", "C"), List.of("Y"));
        write(graph);
        Files.write(directory.resolve("1").resolve("weights.bin"), new byte[]{0, 0, (byte) 0x80, 0x3F});

        try (TestModel model = engine().load(directory, TestGraphs.identityConfig(DataType.FP32, -1).build())) {
            assertEquals(4, model.infer(TestRequest.of().fp32("X", Shape.of(1), 3)).output("Y").floats()[0]);
        }
    }
}
