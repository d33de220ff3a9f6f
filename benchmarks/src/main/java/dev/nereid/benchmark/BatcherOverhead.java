package dev.nereid.benchmark;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * Measures what the scheduler costs a request: from its submission until its answer is there, for a model that does
 * nothing. One line for each scheduler, with the instance on the threads of the requests and on its own. Arguments: the
 * seconds for each line (3), and the number of clients, each on a virtual thread (1).
 */
public final class BatcherOverhead {
    private static final int MAX_BATCH = 16;

    private BatcherOverhead() {
    }

    /** Runs the benchmark. */
    public static void main(String[] arguments) throws InterruptedException {
        double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 3;
        int clients = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
        Map<String, Scheduling> schedulers = Map.of("direct", new Scheduling.Direct(), "dynamic batching",
                new Scheduling.DynamicBatching(List.of(MAX_BATCH), 0, false, 0, 0, QueuePolicy.DEFAULT, Map.of()));
        for (ThreadConfinement confinement : List.of(ThreadConfinement.ANY_THREAD, ThreadConfinement.OWN_THREAD)) {
            for (String scheduler : List.of("direct", "dynamic batching")) {
                Scheduling scheduling = schedulers.getOrDefault(scheduler, new Scheduling.Direct());
                Histogram ignored = run(scheduling, confinement, clients, seconds / 2);
                Histogram micros = run(scheduling, confinement, clients, seconds);
                System.out.printf(Locale.ROOT, "%-17s %-11s p50 %6.1f us  p99 %6.1f us  %9.0f requests/s%n", scheduler,
                        confinement, micros.getValueAtPercentile(50) / 1e3, micros.getValueAtPercentile(99) / 1e3,
                        micros.getTotalCount() / seconds);
            }
        }
    }

    private static Histogram run(Scheduling scheduling, ThreadConfinement confinement, int clients, double seconds)
            throws InterruptedException {
        try (EmptyModel model = EmptyModel.create(scheduling, confinement, MAX_BATCH)) {
            Histogram all = new Histogram(3);
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                threads.add(Thread.ofVirtual().start(() -> {
                    Histogram own = new Histogram(3);
                    long end = System.nanoTime() + (long) (seconds * 1e9);
                    long begin = System.nanoTime();
                    while (begin < end) {
                        model.execute(begin);
                        long now = System.nanoTime();
                        own.recordValue(now - begin);
                        begin = now;
                    }
                    synchronized (all) {
                        all.add(own);
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            return all;
        }
    }
}
