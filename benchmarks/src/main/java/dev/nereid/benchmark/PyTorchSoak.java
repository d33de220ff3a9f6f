package dev.nereid.benchmark;

import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.benchmark.TorchBench.Workload;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.IntSupplier;
import org.bytedeco.javacpp.Pointer;

/**
 * Watches native pointers and the memory of the process while one model executes many times, with one size and with
 * random sizes, and while it is loaded and unloaded. Arguments: executions, load cycles, the backend's settings or
 * {@code -}, and the model.
 */
public final class PyTorchSoak {
    private static final int REPORTS = 5;

    private PyTorchSoak() {
    }

    /** Runs the benchmark. */
    public static void main(String[] arguments) throws IOException {
        int executions = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 10_000;
        int cycles = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 500;
        TorchBench bench = TorchBench.start(arguments.length > 2 ? arguments[2] : "-");
        Workload workload = TorchBench.WORKLOADS.stream()
                .filter(known -> known.name().equals(arguments.length > 3 ? arguments[3] : "mlp-1")).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no such model"));
        try (Model model = bench.load(workload, Map.of());
                ModelInstance instance = TorchBench.instance(model, workload, 0)) {
            execute(instance, workload, executions, "one size", workload::batch);
            Random random = new Random(1);
            execute(instance, workload, executions, "random sizes", () -> 1 + random.nextInt(64));
        }
        cycle(bench, workload, cycles);
    }

    private static void execute(ModelInstance instance, Workload workload, int executions, String what,
            IntSupplier batch) throws IOException {
        for (int i = 0; i < 100; i++) {
            executeOnce(instance, workload, batch.getAsInt());
        }
        report(what, 0);
        for (int i = 1; i <= executions; i++) {
            executeOnce(instance, workload, batch.getAsInt());
            if (i % (executions / REPORTS) == 0) {
                report(what, i);
            }
        }
    }

    private static void executeOnce(ModelInstance instance, Workload workload, int batch) {
        try (Arena arena = Arena.ofConfined()) {
            TorchBench.execute(instance, TorchBench.request(workload, batch, arena));
        }
    }

    private static void cycle(TorchBench bench, Workload workload, int cycles) throws IOException {
        for (int i = 0; i <= cycles; i++) {
            try (Model model = bench.load(workload, Map.of());
                    ModelInstance instance = TorchBench.instance(model, workload, 0)) {
                executeOnce(instance, workload, workload.batch());
            }
            if (i % Math.max(1, cycles / REPORTS) == 0) {
                report("loads and unloads", i);
            }
        }
    }

    private static void report(String what, int count) throws IOException {
        System.out.printf(Locale.ROOT, "%-18s %8d  pointers %6d  resident %7.1f MiB%n", what, count,
                Pointer.totalCount(), ProcessFigures.residentMib(Files.readString(Path.of("/proc/self/status"))));
    }
}
