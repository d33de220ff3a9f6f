package dev.nereid.benchmark;

import dev.nereid.benchmark.TorchBench.Workload;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Sweeps instances and threads of a model, and compares what the backend chooses by itself with the best that was found.
 * Each setting is measured in several rounds, and its best round counts. Arguments: the seconds for each measurement,
 * the backend's settings or {@code -}, and the models.
 */
public final class PyTorchThreads {
    private static final int ROUNDS = 3;

    private PyTorchThreads() {
    }

    private record Setting(int instances, int threads) {
        boolean isDefault() {
            return threads == 0;
        }

        @Override
        public String toString() {
            return instances + " x " + (isDefault() ? "default" : String.valueOf(threads));
        }
    }

    /** Runs the benchmark. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 3;
        TorchBench bench = TorchBench.start(arguments.length > 1 ? arguments[1] : "-");
        for (Workload workload : TorchBench
                .chosen(Arrays.asList(arguments).subList(Math.min(2, arguments.length), arguments.length))) {
            sweep(bench, workload, seconds);
        }
    }

    private static void sweep(TorchBench bench, Workload workload, double seconds)
            throws IOException, InterruptedException {
        int cores = Runtime.getRuntime().availableProcessors();
        Map<Setting, Double> rates = new LinkedHashMap<>();
        for (int round = 0; round < ROUNDS; round++) {
            for (int instances = 1; instances <= cores; instances *= 2) {
                measure(bench, workload, new Setting(instances, 0), seconds, rates);
                for (int threads = 1; threads <= cores; threads *= 2) {
                    measure(bench, workload, new Setting(instances, threads), seconds, rates);
                }
            }
        }
        System.out.printf(Locale.ROOT, "%s: executions a second by instances x threads%n", workload.name());
        rates.forEach(
                (setting, rate) -> System.out.printf(Locale.ROOT, "  %-12s %10.1f  %5.1f %% of the best with %d%n",
                        setting, rate, 100 * rate / best(rates, setting.instances()), setting.instances()));
    }

    private static double best(Map<Setting, Double> rates, int instances) {
        return rates.entrySet().stream().filter(entry -> entry.getKey().instances() == instances)
                .mapToDouble(Map.Entry::getValue).max().orElseThrow();
    }

    private static void measure(TorchBench bench, Workload workload, Setting setting, double seconds,
            Map<Setting, Double> rates) throws IOException, InterruptedException {
        Map<String, String> parameters = setting.isDefault()
                ? Map.of()
                : Map.of("INTRA_OP_THREAD_COUNT", String.valueOf(setting.threads()));
        rates.merge(setting, bench.rate(workload, setting.instances(), parameters, seconds), Math::max);
    }
}
