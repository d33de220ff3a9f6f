package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What instances on GPUs do beside computing, on GPUs that are pretended; and the same on a real one. */
final class GpuInstanceTest {
    private static final String SOURCE = "def forward(self, x):\n  return x * 2\n";

    private static final FakeGpus GPUS = new FakeGpus();
    private static final TestEngine ENGINE = TestEngine.start(GPUS.factory());

    @TempDir
    Path directory;

    @BeforeEach
    void forgetEvents() {
        GPUS.events.clear();
    }

    private static ModelConfig.Builder config() {
        return TorchTest.simple("model").maxBatchSize(8)
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.GPU, 1, List.of(1),
                        InstanceGroup.RateLimiter.NONE, List.of(), List.of(), false, "")));
    }

    private TestModel load(String source, ModelConfig config) {
        return ENGINE.load(TestScripts.write(directory.resolve("model"), source), config);
    }

    private static TestRequest row(float... values) {
        return TestRequest.of().fp32("INPUT__0", Shape.of(1, values.length), values);
    }

    @Test
    void copiesFromPinnedMemoryAndWaitsBeforeItReads() {
        try (TestModel model = load(SOURCE, config().build())) {
            GPUS.events.clear();

            List<TestResult> results = model.execute(row(1f, 2f), row(3f, 4f));

            assertArrayEquals(new float[]{2f, 4f}, results.get(0).output("OUTPUT__0").floats());
            assertArrayEquals(new float[]{6f, 8f}, results.get(1).output("OUTPUT__0").floats());
            assertEquals(List.of("cudnn true", "pinned", "upload", "await", "download", "await"), GPUS.events);
        }
    }

    @Test
    void keepsPinnedMemory() {
        try (TestModel model = load(SOURCE, config().build())) {
            model.infer(row(1f, 2f)).response();
            GPUS.events.clear();

            assertArrayEquals(new float[]{10f, 12f, 14f},
                    model.infer(row(5f, 6f, 7f)).output("OUTPUT__0").floats());
            assertEquals(List.of("cudnn true", "upload", "await", "download", "await"), GPUS.events);
        }
    }

    @Test
    void opensOneStreamForEachInstanceOnItsThread() {
        ModelConfig config = config().instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.GPU, 2)))
                .build();

        load(SOURCE, config).close();

        assertEquals(2, GPUS.events.stream().filter(event -> event.startsWith("stream on ")).distinct().count(),
                GPUS.events::toString);
    }

    @Test
    void emptiesTheCacheAndLeavesCudnnOutWhenAskedTo() {
        ModelConfig config = config().parameters(Map.of("ENABLE_CACHE_CLEANING", "true", "DISABLE_CUDNN", "on"))
                .build();

        try (TestModel model = load(SOURCE, config)) {
            GPUS.events.clear();
            model.infer(row(1f)).response();

            assertEquals("cudnn false", GPUS.events.getFirst());
            assertEquals("empty cache", GPUS.events.getLast());
        }
    }

    @Test
    void sharesWeightsOnEachDeviceOnly() {
        InstanceGroup cpu = new InstanceGroup("c", InstanceGroup.Kind.CPU, 2);
        InstanceGroup gpus = new InstanceGroup("g", InstanceGroup.Kind.GPU, 2, List.of(0, 1),
                InstanceGroup.RateLimiter.NONE, List.of(), List.of(), false, "");
        InstanceGroup asSaved = new InstanceGroup("s", InstanceGroup.Kind.MODEL, 2);
        ModelConfig config = config().instanceGroups(List.of(cpu, gpus, asSaved))
                .parameters(Map.of("ENABLE_WEIGHT_SHARING", "true")).build();

        try (TestModel model = load(SOURCE, config)) {
            // One for the CPU, one for each GPU, and those that can't tell where they are for themselves.
            assertEquals(5 * 80_008, model.memoryUsage().stream().mapToLong(MemoryUsage::byteSize).sum());
        }
    }

    @Test
    void waitsAfterAFailureToo() {
        try (TestModel model = load("def forward(self, x):\n  return torch.matmul(x, x)\n", config().build())) {
            GPUS.events.clear();

            assertEquals(StatusCode.INTERNAL, model.infer(row(1f, 2f)).failure().code());
            assertEquals("await", GPUS.events.getLast());
        }
    }

    @Test
    void givesMemoryBackToTheDevice() {
        load(SOURCE, config().build()).close();

        assertEquals("empty cache", GPUS.events.getLast());
    }

    @Test
    void warmsUpOnTheDevice() {
        ModelConfig config = config()
                .inputs(TestScripts.inputs(DataType.FP32, Dims.of(4), "INPUT__0")).build();

        load(SOURCE, config).close();

        assertTrue(GPUS.events.contains("upload"));
    }

    @Test
    void namesAGpuThatIsNotThere() {
        ModelConfig config = config()
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.GPU, 1, List.of(7),
                        InstanceGroup.RateLimiter.NONE, List.of(), List.of(), false, "")))
                .build();

        InferenceException failure = assertThrows(InferenceException.class, () -> load(SOURCE, config));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals("model 'model' asks for GPU 7, but libtorch finds only 2, numbered from 0", failure.getMessage());
    }

    @Test
    void executionsAndUnloadsLeaveNothing() {
        load(SOURCE, config().build()).close();
        long before = Pointer.totalCount();

        for (int round = 0; round < 3; round++) {
            try (TestModel model = load(SOURCE, config().build())) {
                for (int i = 0; i < 100; i++) {
                    model.execute(row(new float[1 + 100 * i]), row(new float[1 + 100 * i]));
                }
            }
        }

        // Garbage of other tests may be collected meanwhile; a leak would add one for each round at least.
        assertTrue(Pointer.totalCount() <= before,
                () -> before + " pointers before, " + Pointer.totalCount() + " after");
    }

    @Test
    @Tag("gpu")
    void computesOnARealGpu() {
        TestEngine real = TestEngine.start(new PyTorchBackendFactory());
        Optional<String> obstacle;
        try (PointerScope _ = new PointerScope()) {
            obstacle = new CudaGpus().obstacle(0);
        }
        obstacle.ifPresent(why -> {
            System.out.println("skipped: no GPU: " + why);
            Assumptions.abort(why);
        });
        ModelConfig config = TorchTest.simple("model")
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.GPU, 2))).build();
        float[] values = new float[100_000];
        values[99_999] = 21f;

        try (TestModel model = real.load(TestScripts.write(directory.resolve("model"), SOURCE), config)) {
            for (int i = 0; i < 100; i++) {
                float[] answer = model.executeOn(i % 2, List.of(TestRequest.of().fp32("INPUT__0",
                        Shape.of(values.length), values))).getFirst().output("OUTPUT__0").floats();
                assertEquals(42f, answer[99_999]);
            }
        }
    }
}
