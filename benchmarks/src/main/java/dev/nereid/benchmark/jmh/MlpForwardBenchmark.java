package dev.nereid.benchmark.jmh;

import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.benchmark.LoopRequest;
import dev.nereid.benchmark.TorchBench;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** An execution of a TorchScript model by an instance of the PyTorch backend: {@code forward} and all around it. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class MlpForwardBenchmark {
    private final Arena arena = Arena.ofShared();
    private @Nullable Model model;
    private @Nullable ModelInstance instance;
    private @Nullable LoopRequest request;

    /** The model and the rows of its batch. */
    @Param({"identity-1", "mlp-1", "mlp-32"})
    public String workload = "";

    /** Loads the model, which an instance does on the thread that executes it. */
    @Setup
    public void load() throws IOException {
        TorchBench.Workload chosen = TorchBench.chosen(List.of(workload)).getFirst();
        Model loaded = TorchBench.start("-").load(chosen, Map.of());
        model = loaded;
        instance = TorchBench.instance(loaded, chosen, 0);
        request = TorchBench.request(chosen, chosen.batch(), arena);
    }

    /** Unloads the model. */
    @TearDown
    public void close() {
        if (instance != null) {
            instance.close();
        }
        if (model != null) {
            model.close();
        }
        arena.close();
    }

    /** Executes one batch. */
    @Benchmark
    public void forward() {
        if (instance != null && request != null) {
            TorchBench.execute(instance, request);
        }
    }
}
