package dev.nereid.tools.tune;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Inference;
import dev.nereid.engine.InferenceEngine;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.tools.perf.ArrivalSchedule;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Phaser;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.HdrHistogram.Recorder;
import org.jspecify.annotations.Nullable;

/**
 * Sends requests to an engine in this process and measures what becomes of them. For one thread; answers come from the
 * engine's.
 */
final class Measurement {
    private static final int DIGITS = 3;
    /** A load that leaves more requests open than come in so many goals can't be kept up. */
    private static final double OPEN_GOALS = 20;
    private static final Duration DRAIN_LIMIT = Duration.ofSeconds(30);
    private static final int LEAST_RUNS = 5;
    private static final int LEAST_REQUESTS = 30;
    private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final InferenceEngine engine;
    private final Requests requests;
    private final BooleanSupplier isOver;
    private long seed;

    /**
     * What a load at a rate came to.
     *
     * @param rate requests a second that were sent
     * @param requests how many were answered
     * @param p50Seconds the median of the latency, from when a request was due to its answer
     * @param p99Seconds its 99th percentile; infinite where the load could not be kept up
     * @param failures how many failed
     */
    record Load(double rate, long requests, double p50Seconds, double p99Seconds, long failures) {
        /** Returns whether every request was answered, and 99 of 100 in time. */
        boolean keeps(double goalSeconds) {
            return requests > 0 && failures == 0 && p99Seconds <= goalSeconds;
        }
    }

    /**
     * Creates measurements.
     *
     * @param isOver whether to end early
     */
    Measurement(InferenceEngine engine, Requests requests, BooleanSupplier isOver) {
        this.engine = engine;
        this.requests = requests;
        this.isOver = isOver;
    }

    /**
     * Returns the median time of executions of so many rows, while that many are executed side by side, in seconds.
     *
     * @throws TuneException when the model fails
     */
    double execution(int rows, int parallel, Duration limit) {
        List<Inference> own = requests.ofRows(rows);
        List<double[]> times = new ArrayList<>();
        AtomicReference<@Nullable InferenceException> failure = new AtomicReference<>();
        Phaser phaser = new Phaser(parallel + 1);
        for (int i = 0; i < parallel; i++) {
            Thread.ofPlatform().daemon(true).name("tune-" + i).start(() -> {
                try {
                    double[] measured = repeat(own, limit);
                    synchronized (times) {
                        times.add(measured);
                    }
                } catch (InferenceException e) {
                    failure.compareAndSet(null, e);
                } finally {
                    phaser.arriveAndDeregister();
                }
            });
        }
        phaser.awaitAdvance(phaser.arrive());
        InferenceException failed = failure.get();
        if (failed != null) {
            throw new TuneException("the model fails with " + rows + " rows: " + failed.getMessage(), failed);
        }
        double[] all = times.stream().flatMapToDouble(Arrays::stream).sorted().toArray();
        return all[all.length / 2];
    }

    private double[] repeat(List<Inference> own, Duration limit) {
        List<Double> seconds = new ArrayList<>();
        long end = System.nanoTime() + limit.toNanos();
        for (int i = 0; i < LEAST_RUNS || (System.nanoTime() < end && !isOver.getAsBoolean()); i++) {
            long begin = System.nanoTime();
            engine.infer(own.get(i % own.size())).close();
            seconds.add((System.nanoTime() - begin) / 1e9);
        }
        return seconds.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /**
     * Sends requests of one row at a rate, whether earlier ones have been answered or not, and returns what became of those
     * after the first fifth of the time. Latency counts from when a request was due.
     *
     * @param isPoisson whether they come at random times, or at even intervals
     * @param goalSeconds the load is given up when it is clear that it can't be kept up
     */
    Load load(double rate, boolean isPoisson, Duration duration, double goalSeconds) {
        List<Inference> own = requests.ofRows(1);
        ArrivalSchedule schedule = isPoisson ? ArrivalSchedule.poisson(rate, seed++) : ArrivalSchedule.constant(rate);
        Answers answers = new Answers();
        double mostOpen = Math.max(50, rate * goalSeconds * OPEN_GOALS);
        // A percentile of a handful of requests means nothing.
        long nanos = Math.max(duration.toNanos(), Math.min(MOST_NANOS, (long) (LEAST_REQUESTS / rate * 1e9)));
        long start = System.nanoTime();
        long counted = start + nanos / 5;
        long end = start + nanos;
        boolean isKeptUp = true;
        int sent = 0;
        for (long due = start + schedule.next(); due < end && !isOver.getAsBoolean(); due = start + schedule.next()) {
            waitUntil(due);
            answers.sent.increment();
            try {
                var _ = engine.submit(own.get(sent % own.size()), new Answer(answers, due, due >= counted));
            } catch (InferenceException e) {
                answers.failures.increment();
                answers.ended.increment();
            }
            sent++;
            if (answers.open() > mostOpen) {
                isKeptUp = false;
                break;
            }
        }
        await(answers);
        var latencies = answers.latencies.getIntervalHistogram();
        return new Load(rate, latencies.getTotalCount(), latencies.getValueAtPercentile(50) / 1e9,
                isKeptUp ? latencies.getValueAtPercentile(99) / 1e9 : Double.POSITIVE_INFINITY, answers.failures.sum());
    }

    /** Not awake: a core that waits would be one less for the model. That requests leave late is part of their latency. */
    private void waitUntil(long due) {
        for (long left = due - System.nanoTime(); left > 0 && !isOver.getAsBoolean(); left = due - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private static void await(Answers answers) {
        long deadline = System.nanoTime() + DRAIN_LIMIT.toNanos();
        while (answers.open() > 0) {
            if (System.nanoTime() > deadline) {
                throw new TuneException("requests were not answered within " + DRAIN_LIMIT.toSeconds() + " seconds");
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }
    }

    private static final class Answers {
        private final LongAdder sent = new LongAdder();
        private final LongAdder ended = new LongAdder();
        private final LongAdder failures = new LongAdder();
        private final Recorder latencies = new Recorder(DIGITS);

        /** Returns how many requests have not been answered. */
        long open() {
            // In this order, so that it never is negative.
            long done = ended.sum();
            return sent.sum() - done;
        }
    }

    private record Answer(Answers answers, long due, boolean isCounted) implements ResponseListener {
        @Override
        public void response(Response response, boolean isLast) {
            response.close();
        }

        @Override
        public void end(@Nullable InferenceException error) {
            if (error != null) {
                answers.failures.increment();
            } else if (isCounted) {
                answers.latencies.recordValue(Math.max(0, System.nanoTime() - due));
            }
            answers.ended.increment();
        }
    }
}
