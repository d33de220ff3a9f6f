package dev.nereid.benchmark.jmh;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.benchmark.EmptyModel;
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

/**
 * From a request's submission until its answer is there, for a model that does nothing: queue, hand-off to the instance
 * and back. Clients are virtual threads, as in the server; {@code -t 16} takes sixteen of them.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgsAppend = "-Djmh.executor=VIRTUAL")
public class HandOffBenchmark {
    private static final int MAX_BATCH = 16;

    /** Whether requests are batched. */
    @Param({"false", "true"})
    public boolean isBatched;

    /** Which threads execute: those of the requests, or the instance's own. */
    @Param({"ANY_THREAD", "OWN_THREAD"})
    public ThreadConfinement confinement = ThreadConfinement.ANY_THREAD;

    private @Nullable EmptyModel model;

    /** Loads the model. */
    @Setup
    public void load() {
        Scheduling scheduling = isBatched
                ? new Scheduling.DynamicBatching(List.of(MAX_BATCH), 0, false, 0, 0, QueuePolicy.DEFAULT, Map.of())
                : new Scheduling.Direct();
        model = EmptyModel.create(scheduling, confinement, MAX_BATCH);
    }

    /** Unloads the model. */
    @TearDown
    public void close() {
        if (model != null) {
            model.close();
        }
    }

    /** Executes one request. */
    @Benchmark
    public void execute() {
        if (model != null) {
            model.execute(System.nanoTime());
        }
    }
}
