package dev.nereid.benchmark;

import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.benchmark.TorchBench.Workload;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Compares the execution of an instance, through the lifecycle API, with a bare loop over the same bindings. Both run in
 * turns, so that a busy machine disturbs them alike, and the best turn counts; a turn is long enough for two executions.
 * Arguments: the seconds for each model, the backend's settings ({@code cpu-cores=2,blas-threads=1}, or {@code -} for
 * none), and the models (all without any).
 */
public final class PyTorchOverhead {
    private static final int TURNS = 40;

    private PyTorchOverhead() {
    }

    /** Runs the benchmark. */
    public static void main(String[] arguments) throws IOException {
        double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 5;
        TorchBench bench = TorchBench.start(arguments.length > 1 ? arguments[1] : "-");
        for (Workload workload : TorchBench
                .chosen(Arrays.asList(arguments).subList(Math.min(2, arguments.length), arguments.length))) {
            compare(bench, workload, seconds);
        }
    }

    private static void compare(TorchBench bench, Workload workload, double seconds) throws IOException {
        try (Arena arena = Arena.ofConfined();
                Model model = bench.load(workload, Map.of());
                ModelInstance instance = TorchBench.instance(model, workload, 0);
                JitModule module = torch.load(bench.write(workload).resolve("model.pt").toString());
                BytePointer memory = new BytePointer(workload.byteSize()).zero();
                TensorOptions options = new TensorOptions(
                        workload.dataType() == DataType.INT64 ? torch.ScalarType.Long : torch.ScalarType.Float)) {
            module.eval();
            LoopRequest request = TorchBench.request(workload, workload.batch(), arena);
            long[] shape = workload.shape().toArray();
            Runnable served = () -> TorchBench.execute(instance, request);
            Runnable bare = () -> forward(module, memory, shape, options);
            served.run();
            TorchBench.measure(bare, seconds / 4);
            TorchBench.measure(served, seconds / 4);
            double bareMicros = Double.MAX_VALUE;
            double servedMicros = Double.MAX_VALUE;
            for (int turn = 0; turn < TURNS; turn++) {
                bareMicros = Math.min(bareMicros, TorchBench.measure(bare, seconds / TURNS / 2));
                servedMicros = Math.min(servedMicros, TorchBench.measure(served, seconds / TURNS / 2));
            }
            System.out.printf(Locale.ROOT, "%-14s bare %10.1f us  instance %10.1f us  overhead %8.1f us (%.2f %%)%n",
                    workload.name(), bareMicros, servedMicros, servedMicros - bareMicros,
                    100 * (servedMicros / bareMicros - 1));
        }
    }

    /** What a program of its own would do: wrap memory, run, look at the result. */
    private static void forward(JitModule module, BytePointer memory, long[] shape, TensorOptions options) {
        try (PointerScope _ = new PointerScope(); InferenceMode _ = new InferenceMode(true)) {
            var input = torch.from_blob(memory, shape, options);
            module.forward(new IValueVector(new IValue(input))).toTensor().data_ptr();
        }
    }
}
