package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.BatchOutput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ExecutionTest extends OnnxTest {
    private static final long MEBIBYTE = 1 << 20;

    @ParameterizedTest
    @EnumSource(DataType.class)
    void servesEveryDatatype(DataType type) {
        try (TestModel model = load(TestGraphs.identity(type, -1), TestGraphs.identityConfig(type, -1))) {
            TestTensor sent = type == DataType.BYTES
                    ? TestTensor.strings("X", Shape.of(3), "a", "", "three")
                    : TestTensor.counting("X", type, Shape.of(5));

            TestTensor answer = model.infer(TestRequest.of(sent)).output("Y");

            assertEquals(TestTensor.of("Y", type, sent.shape(), sent.bytes()), answer);
        }
    }

    @Test
    void computesWithUnsignedNumbers() {
        OnnxGraph graph = new OnnxGraph("max").input("A", DataType.UINT64, -1).input("B", DataType.UINT64, -1)
                .output("MAX", DataType.UINT64, -1).node("Max", List.of("A", "B"), List.of("MAX"));
        ModelConfig.Builder config = TestGraphs.config("max",
                List.of(new ModelInput("A", DataType.UINT64, Dims.of(-1)),
                        new ModelInput("B", DataType.UINT64, Dims.of(-1))),
                List.of(new ModelOutput("MAX", DataType.UINT64, Dims.of(-1))));
        TestTensor large = TestTensor.of("A", DataType.UINT64, Shape.of(1), TestTensor.int64("A", Shape.of(1), -1)
                .bytes());
        TestTensor small = TestTensor.of("B", DataType.UINT64, Shape.of(1), TestTensor.int64("B", Shape.of(1), 1)
                .bytes());

        try (TestModel model = load(graph, config)) {
            assertArrayEquals(large.bytes(), model.infer(TestRequest.of(large, small)).output("MAX").bytes());
        }
    }

    @Test
    void carriesTextsByteByByte() {
        byte[][] texts = {{0}, {(byte) 0xFF, 0, (byte) 0xC3}, {}, "Grüße, 世界".getBytes(StandardCharsets.UTF_8)};
        byte[] data = new byte[(int) BytesElements.byteSize(List.of(texts))];
        BytesElements.write(List.of(texts), MemorySegment.ofArray(data));

        try (TestModel model = load(TestGraphs.identity(DataType.BYTES, -1, 2),
                TestGraphs.identityConfig(DataType.BYTES, -1, 2))) {
            TestTensor sent = TestTensor.of("X", DataType.BYTES, Shape.of(2, 2), data);

            assertArrayEquals(data, model.infer(TestRequest.of(sent)).output("Y").bytes());
        }
    }

    @Test
    void splitsTextsByRows() {
        try (TestModel model = load(TestGraphs.identity(DataType.BYTES, -1, 2),
                TestGraphs.identityConfig(DataType.BYTES, 2).maxBatchSize(4))) {
            List<TestResult> results = model.execute(
                    TestRequest.of().strings("X", Shape.of(1, 2), "a", "bb"),
                    TestRequest.of().strings("X", Shape.of(2, 2), "c", "", "e", "ffff"));

            assertEquals(List.of("a", "bb"), results.get(0).output("Y").strings());
            assertEquals(List.of("c", "", "e", "ffff"), results.get(1).output("Y").strings());
        }
    }

    @Test
    void refusesFewerTextsThanTheShapeSays() {
        try (TestModel model = load(TestGraphs.identity(DataType.BYTES, -1),
                TestGraphs.identityConfig(DataType.BYTES, -1))) {
            TestTensor one = TestTensor.strings("X", Shape.of(1), "a");

            assertFailure(StatusCode.INVALID_ARG,
                    "unexpected number of string elements 1 for inference input 'X', expecting 2", model
                            .infer(TestRequest.of(TestTensor.of("X", DataType.BYTES, Shape.of(2), one.bytes())))
                            .failure());
        }
    }

    @Test
    void handsOnLargeOutputs() {
        float[] values = new float[100_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
        }
        try (TestModel model = load(TestGraphs.addSub(DataType.FP32, -1, -1), addSubConfig(8, -1))) {
            Shape shape = Shape.of(1, values.length);
            TestRequest request = TestRequest.of().fp32("A", shape, values).fp32("B", shape, values);

            for (TestResult result : model.execute(request, request)) {
                assertEquals(2f * 99_999, result.output("SUM").floats()[99_999]);
                assertEquals(0, result.output("DIFFERENCE").floats()[99_999]);
            }
        }
    }

    /** The server may use a request's memory for something else as soon as the request is answered. */
    @Test
    void copiesAnInputThatIsAnOutput() {
        OnnxGraph graph = new OnnxGraph("through").input("X", DataType.FP32, -1).output("X", DataType.FP32, -1)
                .output("Y", DataType.FP32, -1).node("Neg", List.of("X"), List.of("Y"));
        ModelConfig.Builder config = TestGraphs.config("through",
                List.of(new ModelInput("X", DataType.FP32, Dims.of(-1))),
                List.of(new ModelOutput("X", DataType.FP32, Dims.of(-1)),
                        new ModelOutput("Y", DataType.FP32, Dims.of(-1))));
        float[] values = new float[50_000];
        values[49_999] = 4;

        try (TestModel model = load(graph, config)) {
            TestResult result = model.infer(TestRequest.of().fp32("X", Shape.of(values.length), values));

            assertArrayEquals(values, result.output("X").floats());
            assertEquals(-4, result.output("Y").floats()[49_999]);
        }
    }

    @Test
    void tellsAFailureInOneSentence() {
        try (TestModel model = load(TestGraphs.addSub(DataType.FP32, -1),
                TestGraphs.config("sum",
                        List.of(new ModelInput("A", DataType.FP32, Dims.of(-1)),
                                new ModelInput("B", DataType.FP32, Dims.of(-1))),
                        List.of(new ModelOutput("SUM", DataType.FP32, Dims.of(-1)))))) {
            InferenceException failure = model.infer(TestRequest.of().fp32("A", Shape.of(2), 1, 2).fp32("B",
                    Shape.of(3), 1, 2, 3)).failure();

            assertEquals(StatusCode.INTERNAL, failure.code());
            assertTrue(failure.getMessage().startsWith("onnx runtime error "), failure.getMessage());
            assertTrue(failure.getMessage().contains("Attempting to broadcast an axis by a dimension other than 1."
                    + " 2 by 3"), failure.getMessage());
            assertFalse(failure.getMessage().contains("::") || failure.getMessage().contains(".h:")
                    || failure.getMessage().contains("\n"), failure.getMessage());
        }
    }

    @Test
    void servesScalars() {
        OnnxGraph graph = new OnnxGraph("scalar").input("X", DataType.FP32).input("Z", DataType.FP32, -1)
                .output("Y", DataType.FP32).output("W", DataType.FP32, -1)
                .node("Neg", List.of("X"), List.of("Y")).node("Add", List.of("X", "Z"), List.of("W"));
        try (TestModel model = load(graph, TestGraphs.config("scalar",
                List.of(new ModelInput("X", DataType.FP32, Dims.of(1)),
                        new ModelInput("Z", DataType.FP32, Dims.of(-1))),
                List.of(new ModelOutput("Y", DataType.FP32, Dims.of(1)),
                        new ModelOutput("W", DataType.FP32, Dims.of(-1)))))) {
            TestResult result = model.infer(TestRequest.of().fp32("X", Shape.of(1), 3).fp32("Z", Shape.of(2), 1, 2));

            assertEquals(TestTensor.fp32("Y", Shape.of(1), -3), result.output("Y"));
            assertEquals(TestTensor.fp32("W", Shape.of(2), 4, 5), result.output("W"));
        }
    }

    @Test
    void answersWithoutElements() {
        try (TestModel model = load(TestGraphs.addSub(DataType.FP32, -1, -1), addSubConfig(8, -1))) {
            TestResult result = model.infer(TestRequest.of().fp32("A", Shape.of(0, 3)).fp32("B", Shape.of(0, 3)));

            assertEquals(Shape.of(0, 3), result.output("SUM").shape());
        }
    }

    /** A second instance brings its settings of a run, and no weights. */
    @Test
    void sharesASessionAmongInstances() {
        long before = OrtApi.liveObjects();
        long[] alive = new long[2];
        for (int instances = 1; instances <= 2; instances++) {
            ModelConfig.Builder config = TestGraphs.identityConfig(DataType.FP32, -1)
                    .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, instances)));
            try (TestModel model = load(TestGraphs.identity(DataType.FP32, -1), config)) {
                assertTrue(model.isReady());
                alive[instances - 1] = OrtApi.liveObjects() - before;
            }
        }
        assertEquals(1, alive[1] - alive[0]);
    }

    /** The memory of an input is the request's, and gone before a response is sent from it. */
    @Test
    void copiesALargeInputThatAModelPassesOn() {
        // Bytes are aligned wherever they lie, so the model gets the request's memory.
        OnnxGraph graph = new OnnxGraph("pass").input("X", DataType.UINT8, -1).output("X", DataType.UINT8, -1)
                .output("Y", DataType.UINT8, -1).node("Identity", List.of("X"), List.of("Y"));
        ModelConfig.Builder config = TestGraphs.config("pass",
                List.of(new ModelInput("X", DataType.UINT8, Dims.of(-1))),
                List.of(new ModelOutput("X", DataType.UINT8, Dims.of(-1))));
        TestTensor sent = TestTensor.counting("X", DataType.UINT8, Shape.of(40_000));

        try (TestModel model = load(graph, config)) {
            assertEquals(sent, model.infer(TestRequest.of(sent)).output("X"));
        }
    }

    @Test
    void joinsRaggedRequests() {
        OnnxGraph graph = new OnnxGraph("ragged").input("X", DataType.FP32, -1).output("Y", DataType.FP32, -1)
                .constant("BEGIN", new long[]{1}, -2L).constant("END", new long[]{1}, 1000L)
                .node("Slice", List.of("X", "BEGIN", "END"), List.of("Y"));
        ModelInput ragged = new ModelInput("X", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(-1),
                Optional.empty(), false, true, false, false);
        ModelConfig.Builder config = TestGraphs
                .config("ragged", List.of(ragged),
                        List.of(new ModelOutput("Y", Optional.of(DataType.FP32), Dims.of(1), Optional.of(Dims.of()),
                                "", false, false)))
                .maxBatchSize(4);
        try (TestModel model = load(graph, config)) {
            // One number for each request: the last two of the joined input.
            List<TestResult> results = model.execute(TestRequest.of().fp32("X", Shape.of(1, 2), 1, 2),
                    TestRequest.of().fp32("X", Shape.of(1, 3), 3, 4, 5));

            assertArrayEquals(new float[]{4}, results.get(0).output("Y").floats());
            assertArrayEquals(new float[]{5}, results.get(1).output("Y").floats());
        }
    }

    @Test
    void tellsAModelHowARaggedBatchIsMadeUp() {
        OnnxGraph graph = new OnnxGraph("ragged").input("X", DataType.FP32, -1).input("COUNT", DataType.FP32, -1)
                .output("NEGATIVE", DataType.FP32, -1).output("COUNTS", DataType.FP32, -1)
                .node("Neg", List.of("X"), List.of("NEGATIVE")).node("Identity", List.of("COUNT"), List.of("COUNTS"));
        ModelConfig.Builder config = TestGraphs
                .config("ragged",
                        List.of(new ModelInput("X", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(-1),
                                Optional.empty(), false, true, false, false)),
                        List.of(new ModelOutput("NEGATIVE", DataType.FP32, Dims.of(-1)),
                                new ModelOutput("COUNTS", Optional.of(DataType.FP32), Dims.of(1),
                                        Optional.of(Dims.of()), "", false, false)))
                .maxBatchSize(4)
                .batchInputs(List.of(new BatchInput(BatchInput.Kind.ELEMENT_COUNT, List.of("COUNT"),
                        Optional.of(DataType.FP32), List.of("X"))))
                .batchOutputs(List.of(new BatchOutput(List.of("NEGATIVE"), List.of("X"))));
        try (TestModel model = load(graph, config)) {
            List<TestResult> results = model.execute(TestRequest.of().fp32("X", Shape.of(1, 2), 1, 2),
                    TestRequest.of().fp32("X", Shape.of(1, 3), 3, 4, 5));

            assertEquals(TestTensor.fp32("NEGATIVE", Shape.of(1, 2), -1, -2), results.get(0).output("NEGATIVE"));
            assertEquals(TestTensor.fp32("NEGATIVE", Shape.of(1, 3), -3, -4, -5), results.get(1).output("NEGATIVE"));
            assertArrayEquals(new float[]{2}, results.get(0).output("COUNTS").floats());
            assertArrayEquals(new float[]{3}, results.get(1).output("COUNTS").floats());
        }
    }

    @Test
    void doesNotComputeForClientsThatAreGone() {
        try (TestModel model = load(TestGraphs.identity(DataType.FP32, -1),
                TestGraphs.identityConfig(DataType.FP32, -1))) {
            TestRequest request = TestRequest.of().fp32("X", Shape.of(1), 1);

            assertEquals(StatusCode.CANCELLED, model.infer(request.cancelled()).failure().code());
        }
    }

    /** Native memory is where a leak would show: the outputs of 1,000 executions together have 1.5 GiB. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void keepsItsMemoryLevel() throws IOException {
        float[] values = new float[200_000];
        Shape shape = Shape.of(1, values.length);
        TestRequest request = TestRequest.of().fp32("A", shape, values).fp32("B", shape, values);
        try (TestModel model = load(TestGraphs.addSub(DataType.FP32, -1, -1), addSubConfig(8, -1))) {
            for (int i = 0; i < 50; i++) {
                model.infer(request);
            }
            long before = nativeBytes();
            for (int i = 0; i < 1_000; i++) {
                model.infer(request);
            }
            long grown = nativeBytes() - before;
            assertTrue(grown < 700 * MEBIBYTE, "native memory grew by " + grown / MEBIBYTE + " MiB");
        }
    }

    /** Returns what the process holds beside the heap, in which the answers of this test lie. */
    private static long nativeBytes() throws IOException {
        long resident = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).findFirst().orElseThrow();
        return resident - ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getCommitted();
    }

    private static ModelConfig.Builder addSubConfig(int maxBatchSize, long... dims) {
        return TestGraphs.config("add_sub",
                List.of(new ModelInput("A", DataType.FP32, Dims.of(dims)),
                        new ModelInput("B", DataType.FP32, Dims.of(dims))),
                List.of(new ModelOutput("SUM", DataType.FP32, Dims.of(dims)),
                        new ModelOutput("DIFFERENCE", DataType.FP32, Dims.of(dims))))
                .maxBatchSize(maxBatchSize);
    }
}
