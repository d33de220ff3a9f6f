package dev.nereid.benchmark;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.config.Scheduling.Control;
import dev.nereid.backend.api.config.Scheduling.ControlInput;
import dev.nereid.backend.api.config.Scheduling.ControlKind;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.backend.api.tensor.DataType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;

/**
 * Compares the throughput of sequence batching with that of the dynamic batcher, for a model that does nothing, or waits: 64 clients,
 * each with one sequence after the other, batches of 16. Rounds of all schedulers follow each other, so that all see the
 * same machine. One line for each scheduler, with the requests and, gaps included, the rows of an execution; the last number
 * is its share of the dynamic batcher's throughput with as many instances. Arguments: the seconds for each round (1), the number
 * of rounds (3), and the microseconds that an execution takes (0).
 */
public final class SequenceOverhead {
    private static final int MAX_BATCH = 16;
    private static final int CLIENTS = 64;
    private static final int LENGTH = 100;
    private static final long IDLE_MICROS = 60_000_000;

    private SequenceOverhead() {
    }

    /** Runs the comparison. */
    public static void main(String[] arguments) throws InterruptedException {
        double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 1;
        int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 3;
        long nanos = arguments.length > 2 ? Long.parseLong(arguments[2]) * 1000 : 0;
        Scheduling dynamic = new Scheduling.DynamicBatching(List.of(MAX_BATCH), 0, false, 0, 0, QueuePolicy.DEFAULT,
                Map.of());
        Case one = new Case("dynamic batching", dynamic, 1);
        Case four = new Case("dynamic batching", dynamic, CLIENTS / MAX_BATCH);
        Case oldest = new Case("sequences, oldest",
                sequences(new Strategy.Oldest(CLIENTS, List.of(MAX_BATCH), 0, false)), 1);
        // So many that all sequences have a row.
        Case direct = new Case("sequences, direct", sequences(new Strategy.DirectSlots(0, 0)), CLIENTS / MAX_BATCH);
        for (ThreadConfinement confinement : List.of(ThreadConfinement.OWN_THREAD, ThreadConfinement.ANY_THREAD)) {
            Map<Case, Result> best = new LinkedHashMap<>();
            for (int round = 0; round <= rounds; round++) {
                for (Case each : List.of(one, oldest, four, direct)) {
                    Result result = run(each, confinement, seconds, nanos);
                    // The first round warms up.
                    if (round > 0) {
                        best.merge(each, result, (a, b) -> a.count() >= b.count() ? a : b);
                    }
                }
            }
            double base = 1;
            for (Map.Entry<Case, Result> each : best.entrySet()) {
                Result result = each.getValue();
                base = each.getKey().scheduling().equals(dynamic) ? result.count() : base;
                System.out.printf(Locale.ROOT,
                        "%-17s %d instances %-11s p50 %6.1f us  p99 %6.1f us  %4.1f requests, %4.1f rows each  %9.0f requests/s  %.2f%n",
                        each.getKey().name(), each.getKey().instances(), confinement,
                        result.latency().getValueAtPercentile(50) / 1e3,
                        result.latency().getValueAtPercentile(99) / 1e3, (double) result.count() / result.executions(),
                        (double) result.rows() / result.executions(), result.count() / seconds,
                        result.count() / base);
            }
        }
    }

    private record Case(String name, Scheduling scheduling, int instances) {
    }

    private static Scheduling sequences(Strategy strategy) {
        ControlInput ready = new ControlInput("READY", List.of(new Control(ControlKind.READY, DataType.FP32, 0, 1)));
        return new SequenceBatching(strategy, IDLE_MICROS, List.of(ready), List.of(), false);
    }

    private record Result(Histogram latency, long executions, long rows) {
        private long count() {
            return latency.getTotalCount();
        }
    }

    private static Result run(Case what, ThreadConfinement confinement, double seconds, long nanos)
            throws InterruptedException {
        try (EmptyModel model = EmptyModel.create(what.scheduling(), confinement, MAX_BATCH, what.instances(), nanos)) {
            Histogram all = new Histogram(3);
            AtomicLong ids = new AtomicLong();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < CLIENTS; i++) {
                threads.add(Thread.ofVirtual().start(() -> {
                    Histogram own = new Histogram(3);
                    long end = System.nanoTime() + (long) (seconds * 1e9);
                    boolean isOver = false;
                    while (!isOver) {
                        isOver = sequence(model, ids.incrementAndGet(), own, end);
                    }
                    synchronized (all) {
                        all.add(own);
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            return new Result(all, model.executions(), model.rows());
        }
    }

    /** Sends one sequence; returns whether the time is over. */
    private static boolean sequence(EmptyModel model, long id, Histogram own, long end) {
        long begin = System.nanoTime();
        for (int i = 0; i < LENGTH; i++) {
            boolean isLast = i == LENGTH - 1 || begin >= end;
            model.execute(id, i == 0, isLast, begin);
            long now = System.nanoTime();
            own.recordValue(now - begin);
            begin = now;
            if (isLast) {
                break;
            }
        }
        return begin >= end;
    }
}
