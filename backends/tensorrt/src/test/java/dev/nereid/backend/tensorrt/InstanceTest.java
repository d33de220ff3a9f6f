package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
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
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import dev.nereid.backend.tensorrt.EngineLayout.Format;
import dev.nereid.backend.tensorrt.EngineLayout.IoTensor;
import dev.nereid.backend.tensorrt.EngineLayout.Profile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class InstanceTest {
    @TempDir
    Path directory;

    private void withModel(FakeTensorRt trt, ModelConfig config, Consumer<TestModel> check) {
        Plans.write(directory);
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt));
                TestModel model = engine.load(directory, config)) {
            check.accept(model);
            engine.assertNoViolations();
        }
        assertEquals(0, trt.alive.get(), "everything is closed");
    }

    private InferenceException failure(FakeTensorRt trt, ModelConfig config) {
        Plans.write(directory);
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt))) {
            var failure = assertThrows(InferenceException.class, () -> engine.load(directory, config));
            assertEquals(0, trt.alive.get(), "everything is closed");
            return failure;
        }
    }

    private static FakeTensorRt addition() {
        return new FakeTensorRt(Plans.addition(), Plans::add);
    }

    private static TestRequest sum(int columns, float... values) {
        Shape shape = Shape.of(values.length / columns, columns);
        return TestRequest.of().fp32("INPUT0", shape, values).fp32("INPUT1", shape, values);
    }

    private static ModelConfig optimized(ModelConfig.Builder config, Optimization.Cuda cuda) {
        Optimization d = Optimization.DEFAULT;
        return config.optimization(new Optimization(0, Optimization.Priority.MAX, cuda, List.of(), List.of(),
                d.inputPinnedMemory(), d.outputPinnedMemory(), 0, false)).build();
    }

    @Test
    void copiesABatchToTheGpuAtOnce() {
        FakeTensorRt trt = addition();
        withModel(trt, Plans.additionConfig("m").build(), model -> {
            trt.story.clear();
            List<TestResult> results = model.execute(sum(2, 1, 2), sum(2, 3, 4, 5, 6));

            assertArrayEquals(new float[]{2, 4}, results.get(0).output("OUTPUT0").floats());
            assertArrayEquals(new float[]{6, 8, 10, 12}, results.get(1).output("OUTPUT0").floats());
            assertEquals(List.of("copy in 24", "copy in 24", "enqueue on profile 0", "copy out 24"), trt.story);
        });
    }

    @Test
    void executesRequestsOfDifferentShapesApart() {
        FakeTensorRt trt = addition();
        withModel(trt, Plans.additionConfig("m").build(), model -> {
            List<TestResult> results = model.execute(sum(2, 1, 2), sum(3, 3, 4, 5), sum(2, 6, 7));

            assertArrayEquals(new float[]{2, 4}, results.get(0).output("OUTPUT0").floats());
            assertArrayEquals(new float[]{6, 8, 10}, results.get(1).output("OUTPUT0").floats());
            assertArrayEquals(new float[]{12, 14}, results.get(2).output("OUTPUT0").floats());
        });
    }

    @Test
    void instancesOfOneGpuShareTheEngine() {
        FakeTensorRt trt = addition();
        ModelConfig config = Plans.additionConfig("m")
                .instanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.GPU, 3))).build();
        withModel(trt, config, model -> {
            assertEquals(3, model.instanceCount());
            assertEquals(1, trt.story.stream().filter("engine"::equals).count());
            assertEquals(3, trt.story.stream().filter("context"::equals).count());
        });
    }

    @Test
    void choosesTheClosestProfile() {
        Profile small = new Profile(Map.of("INPUT0", Plans.rows(1, 1, 2), "INPUT1", Plans.rows(1, 1, 2)), Map.of());
        Profile large = new Profile(Map.of("INPUT0", Plans.rows(1, 8, 8), "INPUT1", Plans.rows(1, 8, 8)), Map.of());
        FakeTensorRt trt = new FakeTensorRt(Plans.addition(small, large), Plans::add);
        withModel(trt, withProfiles("0", "1"), model -> {
            trt.story.clear();
            model.infer(sum(4, 1, 2, 3, 4)).response();
            model.infer(sum(1, 1, 2, 3, 4, 5, 6)).response();
            assertEquals(List.of("enqueue on profile 0", "enqueue on profile 1"),
                    trt.story.stream().filter(line -> line.startsWith("enqueue")).toList());
        });
    }

    @Test
    void saysWhyARequestFitsNoProfile() {
        withModel(addition(), Plans.additionConfig("m").build(), model -> {
            InferenceException failure = model.infer(sum(17, new float[17]).withId("7")).failure();
            assertEquals(StatusCode.INVALID_ARG, failure.code());
            assertEquals("[request id: 7] request specifies invalid shape for input 'INPUT0' for m_0_0_gpu0. Error"
                    + " details: model expected the shape of dimension 1 to be between 1 and 16 but received 17",
                    failure.getMessage());
        });
    }

    @Test
    void refusesAProfileThatTheEngineLacks() {
        assertEquals("Can not set the specified optimization profile 2[2] for m_0_0_gpu0. Expected optimization profile"
                + " index range 0-0", failure(addition(), withProfiles("2")).getMessage());
    }

    @Test
    void refusesABatchThatTheEngineCantTake() {
        assertEquals("unable to load model 'm', configuration specified max-batch 9 but TensorRT engine only supports"
                + " max-batch 8", failure(addition(), Plans.additionConfig("m").maxBatchSize(9).build()).getMessage());
    }

    @Test
    void launchesCapturedGraphs() {
        FakeTensorRt trt = addition();
        Optimization.GraphSpec spec = new Optimization.GraphSpec(4,
                Map.of("INPUT0", Dims.of(2), "INPUT1", Dims.of(2)), 2,
                Map.of("INPUT0", Dims.of(2), "INPUT1", Dims.of(2)));
        withModel(trt, optimized(Plans.additionConfig("m"),
                new Optimization.Cuda(true, false, List.of(spec), false)), model -> {
                    trt.story.clear();
                    assertArrayEquals(new float[]{2, 4, 6, 8, 10, 12},
                            model.infer(sum(2, 1, 2, 3, 4, 5, 6)).output("OUTPUT0").floats());
                    assertTrue(trt.story.contains("launch"), trt.story::toString);
                    trt.story.clear();
                    // Fewer rows than its lower bound, and other columns.
                    model.infer(sum(2, 1, 2)).response();
                    model.infer(sum(3, 1, 2, 3, 4, 5, 6)).response();
                    assertFalse(trt.story.contains("launch"), trt.story::toString);
                });
    }

    @Test
    void capturesTheUsualBatchSizesWhereNoneAreGiven() {
        FakeTensorRt trt = addition();
        withModel(trt, optimized(Plans.additionConfig("m"), new Optimization.Cuda(true, false, List.of(), false)),
                model -> {
                    trt.story.clear();
                    model.infer(sum(4, 1, 2, 3, 4)).response();
                    model.infer(sum(4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20))
                            .response();
                    assertEquals(List.of("launch", "enqueue on profile 0"), trt.story.stream()
                            .filter(line -> line.equals("launch") || line.startsWith("enqueue")).toList());
                });
    }

    @Test
    void refusesGraphSpecificationsThatMakeNoSense() {
        assertEquals("graph spec expects 'batch_size' to be >= 1 and <= 8",
                failure(addition(), optimized(Plans.additionConfig("m"), new Optimization.Cuda(true, false,
                        List.of(new Optimization.GraphSpec(9, Map.of(), 0, Map.of())), false))).getMessage());
    }

    @Test
    void obeysPriorityWaitingAndTheOutputStream() {
        FakeTensorRt trt = addition();
        withModel(trt, optimized(Plans.additionConfig("m"), new Optimization.Cuda(false, true, List.of(), true)),
                model -> {
                    assertEquals(2, trt.story.stream().filter("stream of priority MAX"::equals).count());
                    assertTrue(trt.story.contains("event that spins"));
                    model.infer(sum(1, 1)).response();
                    assertTrue(trt.story.contains("wait for the other stream"));
                });
    }

    @Test
    void readsOutputsWhoseSizeOnlyTheExecutionTells() {
        EngineLayout layout = new EngineLayout(List.of(new IoTensor("IN", true, DataType.FP32, Dims.of(-1)),
                new IoTensor("OUT", false, DataType.FP32, Dims.of(-1))),
                List.of(new Profile(Map.of("IN", Plans.range(Dims.of(1), Dims.of(4), Dims.of(100))), Map.of())), 0);
        FakeTensorRt trt = new FakeTensorRt(layout, call -> {
            float[] positive = call.input("IN").elements(ValueLayout.JAVA_FLOAT)
                    .map(element -> element.get(ValueLayout.JAVA_FLOAT, 0)).filter(value -> value > 0)
                    .collect(java.util.ArrayList<Float>::new, java.util.ArrayList::add, java.util.ArrayList::addAll)
                    .stream().collect(Floats::new, Floats::add, Floats::addAll).array();
            call.write("OUT", Shape.of(positive.length), MemorySegment.ofArray(positive));
        }).withOutputShape("OUT", Dims.of(-1));
        ModelConfig config = Plans.config("m").inputs(List.of(new ModelInput("IN", DataType.FP32, Dims.of(-1))))
                .outputs(List.of(new ModelOutput("OUT", DataType.FP32, Dims.of(-1)))).build();
        withModel(trt, config, model -> {
            assertArrayEquals(new float[]{2}, model.infer(in(-1, 2)).output("OUT").floats());
            assertArrayEquals(new float[]{1, 2, 3}, model.infer(in(1, 2, 3)).output("OUT").floats());
            assertArrayEquals(new float[0], model.infer(in(-1)).output("OUT").floats());
            trt.freeBytes = 8;
            InferenceException failure = model.infer(in(1, 2, 3, 4, 5)).failure();
            assertEquals(StatusCode.UNAVAILABLE, failure.code());
            assertEquals("out of memory on GPU 0: 20 bytes for output 'OUT', 8 bytes are free", failure.getMessage());
            trt.freeBytes = Long.MAX_VALUE;
            assertArrayEquals(new float[]{1, 2, 3, 4}, model.infer(in(1, 2, 3, 4)).output("OUT").floats());
        });
    }

    private static final class Floats {
        private float[] values = new float[0];

        void add(float value) {
            values = java.util.Arrays.copyOf(values, values.length + 1);
            values[values.length - 1] = value;
        }

        void addAll(Floats others) {
            for (float value : others.values) {
                add(value);
            }
        }

        float[] array() {
            return values;
        }
    }

    private static TestRequest in(float... values) {
        return TestRequest.of().fp32("IN", Shape.of(values.length), values);
    }

    @Test
    void putsTheBatchBeforeShapeValues() {
        EngineLayout layout = new EngineLayout(List.of(new IoTensor("IN", true, DataType.FP32, Dims.of(-1, 1)),
                new IoTensor("SHAPE", true, Optional.of(DataType.INT32), "INT32", Dims.of(2), true, true,
                        Format.LINEAR),
                new IoTensor("OUT", false, DataType.FP32, Dims.of(-1, 1))),
                List.of(new Profile(
                        Map.of("IN", Plans.range(Dims.of(1, 1), Dims.of(2, 1), Dims.of(8, 1)), "SHAPE",
                                Plans.range(Dims.of(2), Dims.of(2), Dims.of(2))),
                        Map.of("SHAPE", Plans.range(Dims.of(1, 1), Dims.of(2, 2), Dims.of(8, 9))))),
                0);
        FakeTensorRt trt = new FakeTensorRt(layout, call -> {
            MemorySegment shape = call.input("SHAPE");
            int rows = shape.get(ValueLayout.JAVA_INT, 0);
            float[] out = new float[rows];
            java.util.Arrays.fill(out, 100 * rows + shape.get(ValueLayout.JAVA_INT, 4));
            call.write("OUT", Shape.of(rows, 1), MemorySegment.ofArray(out));
        });
        ModelInput shape = new ModelInput("SHAPE", Optional.of(DataType.INT32), ModelInput.Format.NONE, Dims.of(1),
                Optional.empty(), true, false, false, false);
        ModelConfig config = Plans.config("m").maxBatchSize(8)
                .inputs(List.of(new ModelInput("IN", DataType.FP32, Dims.of(1)), shape))
                .outputs(List.of(new ModelOutput("OUT", DataType.FP32, Dims.of(1)))).build();
        withModel(trt, config, model -> {
            List<TestResult> results = model.execute(shaped(5), shaped(5), shaped(6));
            assertArrayEquals(new float[]{205}, results.get(0).output("OUT").floats());
            assertArrayEquals(new float[]{205}, results.get(1).output("OUT").floats());
            assertArrayEquals(new float[]{106}, results.get(2).output("OUT").floats());

            InferenceException failure = model.infer(shaped(10)).failure();
            assertTrue(failure.getMessage().endsWith(
                    "The shape value at index 1 is expected to be in range from 1 to 9, Got: 10"),
                    failure.getMessage());
        });
    }

    @Test
    void givesEveryRowTheShapeValuesThatTheEngineAnswers() {
        EngineLayout layout = new EngineLayout(List.of(new IoTensor("IN", true, DataType.FP32, Dims.of(-1, 1)),
                new IoTensor("SHAPE", false, Optional.of(DataType.INT64), "INT64", Dims.of(3), true, true,
                        Format.LINEAR)),
                List.of(new Profile(Map.of("IN", Plans.range(Dims.of(1, 1), Dims.of(2, 1), Dims.of(8, 1))), Map.of())),
                0);
        FakeTensorRt trt = new FakeTensorRt(layout, call -> call.write("SHAPE", Shape.of(3),
                MemorySegment.ofArray(new long[]{call.shape("IN").dimension(0), 7, 9})));
        ModelConfig config = Plans.config("m").maxBatchSize(8)
                .inputs(List.of(new ModelInput("IN", DataType.FP32, Dims.of(1))))
                .outputs(List.of(new ModelOutput("SHAPE", Optional.of(DataType.INT64), Dims.of(2), Optional.empty(), "",
                        true, false)))
                .build();
        withModel(trt, config, model -> {
            List<TestResult> results = model.execute(TestRequest.of().fp32("IN", Shape.of(1, 1), 1f),
                    TestRequest.of().fp32("IN", Shape.of(2, 1), 1f, 2f));

            assertEquals(TestTensor.int64("SHAPE", Shape.of(1, 2), 7, 9), results.get(0).output("SHAPE"));
            assertEquals(TestTensor.int64("SHAPE", Shape.of(2, 2), 7, 9, 7, 9), results.get(1).output("SHAPE"));
        });
    }

    private static TestRequest shaped(int value) {
        return TestRequest.of().fp32("IN", Shape.of(1, 1), 1f).int32("SHAPE", Shape.of(1, 1), value);
    }

    /** Three channels of two values, in vectors of four channels; the output is the memory of the input. */
    private static FakeTensorRt vectors(Dims dims, Format format) {
        EngineLayout layout = new EngineLayout(List.of(
                new IoTensor("IN", true, Optional.of(DataType.INT8), "INT8", dims, false, false, format),
                new IoTensor("OUT", false, DataType.INT8, Dims.of(-1, 8))),
                List.of(new Profile(Map.of("IN",
                        Plans.range(Dims.of(1, 3, 1, 2), Dims.of(1, 3, 1, 2), Dims.of(4, 3, 1, 2))), Map.of())),
                0);
        return new FakeTensorRt(layout, call -> call.write("OUT", Shape.of(call.shape("IN").dimension(0), 8),
                call.input("IN"))).withOutputShape("OUT", Dims.of(-1, 8));
    }

    private static ModelConfig vectorConfig(Dims dims) {
        return Plans.config("m").maxBatchSize(4)
                .inputs(List.of(new ModelInput("IN", Optional.of(DataType.INT8), ModelInput.Format.NONE, dims,
                        Optional.empty(), false, false, false, true)))
                .outputs(List.of(new ModelOutput("OUT", DataType.INT8, Dims.of(8)))).build();
    }

    @Test
    void takesInputsInPaddedVectors() {
        FakeTensorRt trt = vectors(Dims.of(-1, 3, 1, 2), new Format("CHW4", 1, 4));
        withModel(trt, vectorConfig(Dims.of(3, 1, 2)), model -> {
            trt.story.clear();
            List<TestResult> results = model.execute(
                    TestRequest.of(TestTensor.of("IN", DataType.INT8, Shape.of(1, 4, 1, 2), bytes(1, 8))),
                    TestRequest.of(TestTensor.of("IN", DataType.INT8, Shape.of(2, 4, 1, 2), bytes(11, 16))));

            assertArrayEquals(bytes(1, 8), results.get(0).output("OUT").bytes());
            assertArrayEquals(bytes(11, 16), results.get(1).output("OUT").bytes());
            assertEquals("copy in 24", trt.story.getFirst());

            InferenceException failure = model.infer(
                    TestRequest.of(TestTensor.of("IN", DataType.INT8, Shape.of(1, 3, 1, 2), bytes(1, 6))).withId("7"))
                    .failure();
            assertEquals(StatusCode.INVALID_ARG, failure.code());
            assertEquals("[request id: 7] input byte size mismatch for input 'IN' for model 'm'. Expected 8, got 6",
                    failure.getMessage());
        });
    }

    private static byte[] bytes(int first, int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (first + i);
        }
        return bytes;
    }

    @Test
    void refusesFormatsWhosePaddingItCannotTell() {
        assertEquals("tensor 'IN' of model 'm' has format DLA_HWC4, whose rows may be padded; it can't be sent",
                failure(vectors(Dims.of(-1, 3, 1, 2), new Format("DLA_HWC4", 1, 4)), vectorConfig(Dims.of(3, 1, 2)))
                        .getMessage());
        assertEquals("tensor 'IN' of model 'm' has format CHW4, which pads dimension 1 of [-1,-1,1,2] to a multiple of"
                + " 4; it can be sent only where the engine fixes that dimension",
                failure(vectors(Dims.of(-1, -1, 1, 2), new Format("CHW4", 1, 4)), vectorConfig(Dims.of(-1, 1, 2)))
                        .getMessage());
    }

    @Test
    void refusesPaddedOutputs() {
        IoTensor input = new IoTensor("IN", true, DataType.INT8, Dims.of(-1, 3, 1, 2));
        IoTensor output = new IoTensor("OUT", false, Optional.of(DataType.INT8), "INT8", Dims.of(-1, 3, 1, 2), false,
                false, new Format("HWC8", 1, 8));
        FakeTensorRt trt = new FakeTensorRt(new EngineLayout(List.of(input, output),
                List.of(new Profile(Map.of("IN",
                        Plans.range(Dims.of(1, 3, 1, 2), Dims.of(1, 3, 1, 2), Dims.of(4, 3, 1, 2))), Map.of())),
                0), call -> {
                });
        ModelConfig config = Plans.config("m").maxBatchSize(4)
                .inputs(List.of(new ModelInput("IN", DataType.INT8, Dims.of(3, 1, 2))))
                .outputs(List.of(new ModelOutput("OUT", Optional.of(DataType.INT8), Dims.of(3, 1, 2), Optional.empty(),
                        "", false, true)))
                .build();

        assertEquals("tensor 'OUT' of model 'm' has format HWC8, which pads [4,3,1,2]; only outputs without padding can"
                + " be answered", failure(trt, config).getMessage());
    }

    @Test
    void joinsRaggedInputsAndSplitsOutputsByTheirShapes() {
        EngineLayout layout = new EngineLayout(List.of(new IoTensor("IN", true, DataType.FP32, Dims.of(-1)),
                new IoTensor("COUNTS", true, DataType.INT32, Dims.of(-1)),
                new IoTensor("OUT", false, DataType.FP32, Dims.of(-1))),
                List.of(new Profile(Map.of("IN", Plans.range(Dims.of(1), Dims.of(4), Dims.of(100)), "COUNTS",
                        Plans.range(Dims.of(1), Dims.of(4), Dims.of(8))), Map.of())),
                0);
        FakeTensorRt trt = new FakeTensorRt(layout, call -> {
            float[] out = new float[(int) call.shape("IN").dimension(0)];
            int next = 0;
            for (int i = 0; i < call.shape("COUNTS").dimension(0); i++) {
                int count = call.input("COUNTS").getAtIndex(ValueLayout.JAVA_INT, i);
                for (int j = 0; j < count; j++, next++) {
                    out[next] = call.input("IN").getAtIndex(ValueLayout.JAVA_FLOAT, next) + 10 * i;
                }
            }
            call.write("OUT", Shape.of(out.length), MemorySegment.ofArray(out));
        }).withOutputShape("OUT", Dims.of(-1));
        ModelInput ragged = new ModelInput("IN", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(-1),
                Optional.empty(), false, true, false, false);
        ModelConfig config = Plans.config("m").maxBatchSize(8).inputs(List.of(ragged))
                .batchInputs(List.of(new BatchInput(BatchInput.Kind.ELEMENT_COUNT, List.of("COUNTS"),
                        Optional.of(DataType.INT32), List.of("IN"))))
                .outputs(List.of(new ModelOutput("OUT", DataType.FP32, Dims.of(-1))))
                .batchOutputs(List.of(new BatchOutput(List.of("OUT"), List.of("IN")))).build();
        withModel(trt, config, model -> {
            List<TestResult> results = model.execute(TestRequest.of().fp32("IN", Shape.of(1, 2), 1f, 2f),
                    TestRequest.of().fp32("IN", Shape.of(1, 3), 3f, 4f, 5f));
            assertArrayEquals(new float[]{1, 2}, results.get(0).output("OUT").floats());
            assertArrayEquals(new float[]{13, 14, 15}, results.get(1).output("OUT").floats());
        });
    }

    @Test
    void failsTheRequestsOfAnOutputThatHasMoreRows() {
        FakeTensorRt trt = new FakeTensorRt(Plans.addition(),
                call -> call.write("OUTPUT0", Shape.of(5, 1), MemorySegment.ofArray(new float[5])))
                .withOutputShape("OUTPUT0", Dims.of(-1, -1));
        withModel(trt, Plans.additionConfig("m").build(), model -> {
            for (TestResult result : model.execute(sum(1, 1), sum(1, 2, 3))) {
                assertEquals("[request id: <id_unknown>] failed to split the output tensor 'OUTPUT0' in responses:"
                        + " expected batch size of 3 in model output, got 5", result.failure().getMessage());
            }
        });
    }

    /** The graph always computes all of its rows; those beyond the batch are nobody's. */
    @Test
    void leavesOutTheRowsThatAGraphComputesForNobody() {
        FakeTensorRt trt = addition();
        Optimization.GraphSpec spec = new Optimization.GraphSpec(4,
                Map.of("INPUT0", Dims.of(1), "INPUT1", Dims.of(1)), 1,
                Map.of("INPUT0", Dims.of(1), "INPUT1", Dims.of(1)));
        withModel(trt, optimized(Plans.additionConfig("m"),
                new Optimization.Cuda(true, false, List.of(spec), false)), model -> {
                    trt.story.clear();
                    List<TestResult> results = model.execute(sum(1, 1), sum(1, 2, 3));

                    assertTrue(trt.story.contains("launch"), trt.story::toString);
                    assertTrue(trt.story.contains("copy out 12"), trt.story::toString);
                    assertArrayEquals(new float[]{2}, results.get(0).output("OUTPUT0").floats());
                    assertArrayEquals(new float[]{4, 6}, results.get(1).output("OUTPUT0").floats());
                });
    }

    @Test
    void aFailedExecutionFailsItsRequestsOnly() {
        FakeTensorRt trt = addition();
        withModel(trt, Plans.additionConfig("m").build(), model -> {
            trt.failsExecution = true;
            trt.story.clear();
            assertEquals("unable to enqueue for inference: the test says so",
                    model.infer(sum(1, 1)).failure().getMessage());
            // What was started before the failure still uses the memory that the next execution gets.
            assertTrue(trt.story.contains("synchronize"), trt.story::toString);
            trt.failsExecution = false;
            assertArrayEquals(new float[]{2}, model.infer(sum(1, 1)).output("OUTPUT0").floats());
        });
    }

    @Test
    void closesEverythingWhateverCreationFails() {
        for (int creations = 0; creations < 9; creations++) {
            FakeTensorRt trt = addition();
            trt.failingCreations = creations;
            assertTrue(failure(trt, Plans.additionConfig("m").build()).getMessage().endsWith("refused by the test"));
        }
    }

    @Test
    void saysWhatDidNotFitIntoTheGpu() {
        FakeTensorRt trt = addition();
        trt.freeBytes = 100;

        InferenceException failure = failure(trt, Plans.additionConfig("m").build());

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals("out of memory on GPU 0: 512 bytes for input 'INPUT0', 100 bytes are free", failure.getMessage());
    }

    private static ModelConfig withProfiles(String... names) {
        return Plans.additionConfig("m")
                .instanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.GPU, 1, List.of(),
                        InstanceGroup.RateLimiter.NONE, List.of(), List.of(names), false, "")))
                .build();
    }
}
