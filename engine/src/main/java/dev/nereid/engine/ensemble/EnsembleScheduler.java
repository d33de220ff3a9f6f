package dev.nereid.engine.ensemble;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.Scheduler;
import dev.nereid.engine.stats.BatchTimes;
import dev.nereid.engine.stats.ModelStatistics;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * Answers requests to an ensemble by requests to the models that it consists of. A step is sent to its model's queue as soon
 * as its inputs are there, whatever else runs, and no thread waits for it. Tensors go from step to step as they are; the
 * memory of a step's response is given back after the last use of its outputs.
 *
 * <p>Threads: any. The monitor guards the set of requests and is held for moments only.
 */
public final class EnsembleScheduler implements Scheduler {
    private final EnsemblePlan plan;
    private final boolean isBatching;
    private final Members members;
    private final ModelStatistics statistics;
    private final LongSupplier clock;
    private final InstantSource wallClock;
    private final List<StepLimit> limits = new ArrayList<>();
    @GuardedBy("this")
    private final Set<EnsembleRun> runs = new HashSet<>();
    @GuardedBy("this")
    private boolean isStopping;

    /**
     * Prepares the graph of an ensemble.
     *
     * @param config the ensemble's configuration, which was checked
     * @param isDecoupledModel tells whether a model is decoupled
     * @param members where the models are found at each request
     * @param clock nanoseconds of a monotonic clock
     * @param wallClock the time of day, for statistics
     * @throws InferenceException when outputs descend from decoupled models that answer independently of each other
     */
    public EnsembleScheduler(ModelConfig config, Predicate<String> isDecoupledModel, Members members,
            ModelStatistics statistics, LongSupplier clock, InstantSource wallClock) {
        this.plan = new EnsemblePlan(config, isDecoupledModel);
        this.isBatching = config.isBatching();
        this.members = members;
        this.statistics = statistics;
        this.clock = clock;
        this.wallClock = wallClock;
        int limit = ((Scheduling.Ensemble) config.scheduling()).maxInflightRequests();
        plan.steps().forEach(step -> limits.add(new StepLimit(limit)));
    }

    @Override
    public void submit(ActiveRequest request) {
        long now = clock.getAsLong();
        EnsembleRun run = new EnsembleRun(this, plan, request, now);
        synchronized (this) {
            if (isStopping) {
                throw new InferenceException(StatusCode.UNAVAILABLE, RequestIds.prefix(request)
                        + "Server is stopping, scheduler for model has stopped accepting new inference requests");
            }
            runs.add(run);
        }
        request.queuedAt(now);
        request.answeredElsewhere(clock, this::answered);
        request.onCancel(ignored -> run.post(run::cancel));
        run.post(run::start);
    }

    /** Counts and delivers the answer to a request. */
    private void answered(ActiveRequest request) {
        long now = clock.getAsLong();
        BatchTimes sums = request.times();
        BatchTimes times = sums == null ? new BatchTimes(now, now, now, now) : sums;
        if (request.failure() == null) {
            statistics.recordBatch(Math.max(1, request.batchSize()), times, wallClock.millis());
        }
        statistics.record(request, now, times);
        request.deliver();
    }

    /** Forgets a request of which nothing is left. */
    void over(EnsembleRun run) {
        synchronized (this) {
            runs.remove(run);
            notifyAll();
        }
    }

    Members members() {
        return members;
    }

    LongSupplier clock() {
        return clock;
    }

    boolean isBatching() {
        return isBatching;
    }

    StepLimit limit(EnsemblePlan.Step step) {
        return limits.get(step.index());
    }

    @Override
    public void cancel(ActiveRequest request) {
        request.cancel();
    }

    @Override
    public int queueSize() {
        return 0;
    }

    @Override
    public synchronized int inFlight() {
        return runs.size();
    }

    /** Steps wait in the queues of their models. */
    @Override
    public Optional<String> stall(long limitNanos) {
        return Optional.empty();
    }

    @Override
    public void stop() {
        boolean interrupted = false;
        synchronized (this) {
            isStopping = true;
            while (!runs.isEmpty()) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void endLate(InferenceException reason) {
        List<EnsembleRun> all;
        synchronized (this) {
            all = List.copyOf(runs);
        }
        all.forEach(run -> run.request().endLate(reason));
    }
}
