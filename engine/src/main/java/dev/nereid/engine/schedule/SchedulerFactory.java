package dev.nereid.engine.schedule;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.Direct;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.backend.api.config.Scheduling.Ensemble;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.Strategy.Oldest;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.schedule.sequence.SequenceBatcher;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.repository.config.InitialStates;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Makes the scheduler that a model's configuration asks for. */
public final class SchedulerFactory {
    private final LongSupplier clock;
    private final InstantSource wallClock;
    private final Wakeups wakeups;
    private final int maxQueueSize;
    private final Optional<RateLimiter> limiter;
    private final int firstBatchAt;
    private final int firstBacklogAt;

    /**
     * Creates the factory.
     *
     * @param clock nanoseconds of a monotonic clock
     * @param wallClock the time of day
     * @param maxQueueSize bound on waiting requests where a model sets none
     * @param limiter shares resources between the models; empty where every free instance may execute
     * @param firstBatchAt how many requests wait before a model with dynamic or sequence batching executes its first; 0 for
     *     none
     * @param firstBacklogAt how many more wait before that, of sequences without a slot; 0 for none
     */
    public SchedulerFactory(LongSupplier clock, InstantSource wallClock, Wakeups wakeups, int maxQueueSize,
            Optional<RateLimiter> limiter, int firstBatchAt, int firstBacklogAt) {
        this.clock = clock;
        this.wallClock = wallClock;
        this.wakeups = wakeups;
        this.maxQueueSize = maxQueueSize;
        this.limiter = limiter;
        this.firstBatchAt = firstBatchAt;
        this.firstBacklogAt = firstBacklogAt;
    }

    /**
     * Returns a scheduler without instances.
     *
     * @param strategy decides, for a model with dynamic batching, who else may not share a batch
     * @param pluginLoader the class loader of the strategy
     * @throws InferenceException UNSUPPORTED for a scheduling choice that this server does not offer
     */
    public InstanceScheduler scheduler(ModelConfig config, ModelStatistics statistics,
            Optional<BatchingStrategy> strategy,
            ClassLoader pluginLoader) {
        return scheduler(config, statistics, strategy, pluginLoader, List.of());
    }

    /**
     * Returns a scheduler without instances.
     *
     * @param strategy decides, for a model with dynamic batching, who else may not share a batch
     * @param pluginLoader the class loader of the strategy
     * @param states what the states of a model with sequence batching hold at the start of a sequence
     * @throws InferenceException UNSUPPORTED for a scheduling choice that this server does not offer
     */
    public InstanceScheduler scheduler(ModelConfig config, ModelStatistics statistics,
            Optional<BatchingStrategy> strategy,
            ClassLoader pluginLoader, List<InitialStates.Start> states) {
        CustomBatching custom = strategy.map(each -> new CustomBatching(config.name(), each, pluginLoader))
                .orElse(null);
        boolean keepsOrder = switch (config.scheduling()) {
            case DynamicBatching batching -> batching.preserveOrdering();
            case SequenceBatching batching -> batching.strategy() instanceof Oldest oldest && oldest.preserveOrdering();
            case Direct _,Ensemble _ -> false;
        };
        RequestQueue queue = switch (config.scheduling()) {
            case Direct _ -> new DirectQueue(maxQueueSize);
            case DynamicBatching batching ->
                new BatchingQueue(batching, config.maxBatchSize(), BatchRule.of(config), maxQueueSize,
                        custom);
            case SequenceBatching batching -> sequences(config, batching, states);
            case Ensemble _ -> throw new IllegalStateException("ensemble '" + config.name() + "' has no instances");
        };
        QueueScheduler scheduler = new QueueScheduler(config.name(), config.maxBatchSize(), queue, statistics, clock,
                wallClock, wakeups, keepsOrder, limiter.orElse(null));
        switch (config.scheduling()) {
            case DynamicBatching _ -> scheduler.holdUntilQueued(firstBatchAt, 0);
            case SequenceBatching _ -> scheduler.holdUntilQueued(firstBatchAt, firstBacklogAt);
            case Direct _,Ensemble _ -> {
            }
        }
        return scheduler;
    }

    private RequestQueue sequences(ModelConfig config, SequenceBatching batching, List<InitialStates.Start> states) {
        return new SequenceQueue(
                new SequenceBatcher(config, batching, states, BatchRule.of(config)::mayJoin, maxQueueSize));
    }

    /** Returns what shares resources between the models; empty where every free instance may execute. */
    public Optional<RateLimiter> limiter() {
        return limiter;
    }

    /** Returns the monotonic clock. */
    public LongSupplier clock() {
        return clock;
    }
}
