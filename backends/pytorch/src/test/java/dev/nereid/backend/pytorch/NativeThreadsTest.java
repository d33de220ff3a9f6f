package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class NativeThreadsTest extends TorchTest {
    private final NativeTorch natives = NativeTorch.load(TorchSettings.parse(Map.of()));

    /** libtorch has another pool, for the process, which whoever changes the number starts anew; not the tests' threads. */
    @BeforeEach
    void startOtherPool() {
        natives.setIntraOp(3);
    }

    /** libtorch gives a thread that computes for the first time what was last set on any thread. */
    @Test
    void anotherThreadsSettingChangesNothing() throws InterruptedException, ExecutionException {
        try (ExecutorService one = Executors.newSingleThreadExecutor();
                ExecutorService other = Executors.newSingleThreadExecutor()) {
            one.submit(() -> natives.setIntraOp(2)).get();
            other.submit(() -> natives.setIntraOp(1)).get();

            Future<Integer> two = one.submit(() -> torch.get_num_threads());
            Future<Integer> single = other.submit(() -> torch.get_num_threads());
            assertEquals(2, two.get());
            assertEquals(1, single.get());
        }
    }

    /**
     * While OpenMP has more threads in the process than there are cores, those of a team sleep whenever they wait for each
     * other, even if the others have nothing to do. So a thread that is not about to execute must not keep any.
     */
    @Test
    void releasesWorkers() throws Exception {
        try (ExecutorService one = Executors.newSingleThreadExecutor(Thread.ofPlatform().name("omp-one").factory())) {
            one.submit(() -> natives.setIntraOp(3)).get();
            one.submit(NativeThreadsTest::compute).get();
            assertEquals(3, threadsNamed("omp-one"));

            one.submit(natives::releaseWorkers).get();
            awaitOne("omp-one");

            assertEquals(3, one.submit(() -> torch.get_num_threads()).get());
            one.submit(NativeThreadsTest::compute).get();
            assertEquals(3, threadsNamed("omp-one"));
        }
    }

    @Test
    void loadingLeavesNoWorkers() throws Exception {
        ModelConfig config = simple("model")
                .parameters(Map.of("ENABLE_FREEZING", "true", "ENABLE_AUTO_WARMUP", "false")).build();
        // Freezing computes what does not depend on the input.
        String source = "def forward(self, x):\n  return x * torch.sum(self.weight.expand([100000, 2]) * 2)\n";
        try (ExecutorService loader = Executors
                .newSingleThreadExecutor(Thread.ofPlatform().name("omp-load").factory())) {
            loader.submit(() -> natives.setIntraOp(3)).get();

            loader.submit(() -> load(source, config)).get().close();

            awaitOne("omp-load");
        }
    }

    @Test
    void warmUpLeavesNoWorkers() throws Exception {
        ModelConfig config = simple("omp-warm").inputs(TestScripts.inputs(DataType.FP32, Dims.of(200_000), "INPUT__0"))
                .parameters(Map.of("INTRA_OP_THREAD_COUNT", "3")).build();
        try (TestModel model = load("def forward(self, x):\n  return x * 2\n", config)) {
            awaitOne("omp-warm_0_0");

            model.infer(TestRequest.of().fp32("INPUT__0", Shape.of(200_000), new float[200_000]));
            assertEquals(3, threadsNamed("omp-warm_0_0"));
        }
    }

    private static void compute() {
        try (PointerScope _ = new PointerScope()) {
            torch.zeros(1_000_000).add(new Scalar(1));
        }
    }

    /** OpenMP's threads have the name of the thread that started them. */
    private static int threadsNamed(String name) throws IOException {
        int count = 0;
        List<Path> tasks;
        try (var all = Files.list(Path.of("/proc/self/task"))) {
            tasks = all.toList();
        }
        for (Path task : tasks) {
            try {
                count += Files.readString(task.resolve("comm")).strip().equals(name) ? 1 : 0;
            } catch (IOException _) {
                // It has ended.
            }
        }
        return count;
    }

    /** The others end a moment after they were told to. */
    private static void awaitOne(String name) throws Exception {
        Eventually.until("one thread is left", () -> threadsNamed(name) <= 1);
        assertEquals(1, threadsNamed(name));
    }
}
