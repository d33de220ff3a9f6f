package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.SizeTPointer;
import org.bytedeco.tensorrt.global.nvinfer.DataType;
import org.bytedeco.tensorrt.nvinfer.ITensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Engines, built and executed on a real GPU, against what the CPU computes. */
@Tag("gpu")
final class GpuTest {
    private static final int CYCLES = Integer.getInteger("nereid.cycles", 1000);
    private static final int SETTLE = CYCLES / 10;
    private static final long ALLOWED_GROWTH = 16L << 20;

    @TempDir
    Path directory;

    @BeforeAll
    static void needsAGpu() {
        SampleEngines.obstacle().ifPresent(why -> {
            System.out.println("skipped: " + why);
            Assumptions.abort(why);
        });
    }

    private TestModel load(TestEngine engine, ModelConfig config) {
        return engine.load(directory, 1, config, true);
    }

    private static TestEngine start() {
        return TestEngine.start(new TensorRtBackendFactory());
    }

    private static TestRequest sum(int rows, float begin) {
        float[] values = new float[rows * 16];
        float[] ones = new float[rows * 16];
        for (int i = 0; i < values.length; i++) {
            values[i] = begin + i;
            ones[i] = 1;
        }
        return TestRequest.of().fp32("INPUT0", Shape.of(rows, 16), values).fp32("INPUT1", Shape.of(rows, 16), ones);
    }

    private static void checkSum(int rows, float begin, float[] sum) {
        assertEquals(rows * 16, sum.length);
        for (int i = 0; i < sum.length; i++) {
            assertEquals(begin + i + 1, sum[i]);
        }
    }

    @Test
    void identity() {
        SampleEngines.identity(directory);
        try (TestEngine engine = start(); TestModel model = load(engine, Plans.config("m").build())) {
            assertEquals(1, model.config().maxBatchSize());
            assertArrayEquals(new float[]{1, 2, 3},
                    model.infer(TestRequest.of().fp32("IN", Shape.of(1, 3), 1f, 2f, 3f)).output("OUT").floats());
        }
    }

    @Test
    void additionInBatches() {
        SampleEngines.addition(directory, 8);
        try (TestEngine engine = start(); TestModel model = load(engine, Plans.config("m").build())) {
            assertEquals(8, model.config().maxBatchSize());
            var results = model.execute(sum(1, 0), sum(3, 100));
            checkSum(1, 0, results.get(0).output("OUTPUT0").floats());
            checkSum(3, 100, results.get(1).output("OUTPUT0").floats());
            assertTrue(model.infer(sum(8, 5)).output("OUTPUT1").floats()[0] == 4);
        }
    }

    @Test
    void twoProfiles() {
        SampleEngines.addition(directory, 4, 32);
        ModelConfig config = Plans.config("m").instanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.GPU, 1,
                List.of(), InstanceGroup.RateLimiter.NONE, List.of(), List.of("0", "1"), false, ""))).build();
        try (TestEngine engine = start(); TestModel model = load(engine, config)) {
            assertEquals(32, model.config().maxBatchSize());
            checkSum(2, 0, model.infer(sum(2, 0)).output("OUTPUT0").floats());
            checkSum(32, 0, model.infer(sum(32, 0)).output("OUTPUT0").floats());
        }
    }

    @Test
    void graphsAndAnOutputStream() {
        SampleEngines.addition(directory, 8);
        Optimization optimization = new Optimization(0, Optimization.Priority.MAX,
                new Optimization.Cuda(true, true, List.of(), true), List.of(), List.of(), true, true, 0, false);
        try (TestEngine engine = start();
                TestModel model = load(engine, Plans.config("m").optimization(optimization).build())) {
            for (int round = 0; round < 20; round++) {
                checkSum(1 + round % 8, round, model.infer(sum(1 + round % 8, round)).output("OUTPUT0").floats());
            }
        }
    }

    @Test
    void outputsWhoseSizeDependsOnData() {
        try (BuiltEngine engine = new BuiltEngine()) {
            ITensor input = engine.input("IN", DataType.kFLOAT, 6);
            engine.output("OUT", engine.network.addNonZero(input, DataType.kINT64).getOutput(0));
            engine.write(directory);
        }
        try (TestEngine engine = start(); TestModel model = load(engine, Plans.config("m").build())) {
            var result = model.infer(TestRequest.of().fp32("IN", Shape.of(6), 0f, 1f, 0f, 2f, 3f, 0f));
            assertEquals(Shape.of(1, 3), result.output("OUT").shape());
            assertArrayEquals(new long[]{1, 3, 4}, result.output("OUT").longs());
        }
    }

    @Test
    void convolution() {
        SampleEngines.convolution(directory);
        float[] image = SampleEngines.image();
        try (TestEngine engine = start(); TestModel model = load(engine, Plans.config("m").build())) {
            assertArrayEquals(SampleEngines.convolved(image),
                    model.infer(TestRequest.of().fp32("IN", Shape.of(1, 3, 8, 8), image)).output("OUT").floats(),
                    0.05f);
        }
    }

    @Test
    void loadingAndUnloadingKeepsNoGpuMemory() {
        SampleEngines.addition(directory, 8);
        try (TestEngine engine = start()) {
            long settled = 0;
            for (int i = 0; i < CYCLES; i++) {
                try (TestModel model = load(engine, Plans.config("m").build())) {
                    checkSum(2, i, model.infer(sum(2, i)).output("OUTPUT0").floats());
                }
                if (i == SETTLE) {
                    settled = freeBytes();
                }
            }
            String figures = "free GPU memory: " + settled + " bytes after " + SETTLE + " cycles, " + freeBytes()
                    + " after " + CYCLES;
            System.out.println(figures);
            assertTrue(settled - freeBytes() < ALLOWED_GROWTH, figures);
        }
    }

    private static long freeBytes() {
        try (SizeTPointer free = new SizeTPointer(1); SizeTPointer total = new SizeTPointer(1)) {
            NativeCuda.check(cudart.cudaMemGetInfo(free, total), "ask for free memory");
            return free.get();
        }
    }
}
