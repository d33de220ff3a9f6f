package dev.nereid.engine.schedule;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.instance.InstanceThread;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.stats.ModelStatistics;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A scheduler with hand-driven time and instances that do what the test says. */
final class SchedulerFixture implements AutoCloseable {
    final ManualTime time = new ManualTime();
    final BufferPool pool = new BufferPool(64 << 20, 1 << 20);
    final ModelStatistics statistics = new ModelStatistics();
    final TestRequests requests = new TestRequests(pool, time);
    final QueueScheduler scheduler;

    SchedulerFixture(RequestQueue queue, boolean keepsOrder) {
        this(queue, keepsOrder, null);
    }

    SchedulerFixture(RequestQueue queue, boolean keepsOrder, @Nullable RateLimiter limiter) {
        this(queue, 0, keepsOrder, limiter);
    }

    SchedulerFixture(RequestQueue queue, int maxBatchSize, boolean keepsOrder, @Nullable RateLimiter limiter) {
        scheduler = new QueueScheduler("m", maxBatchSize, queue, statistics, time, time, time, keepsOrder, limiter);
    }

    static SchedulerFixture direct() {
        return new SchedulerFixture(new DirectQueue(100), false);
    }

    static SchedulerFixture inOrder() {
        return new SchedulerFixture(new DirectQueue(100), true);
    }

    static SchedulerFixture batching(int maxBatchSize, long delayMicros, QueuePolicy policy) {
        DynamicBatching batching = new DynamicBatching(List.of(maxBatchSize), delayMicros, false, 0, 0, policy,
                Map.of());
        BatchRule rule = BatchRule.of(ModelConfig.builder("m").maxBatchSize(maxBatchSize).build());
        return new SchedulerFixture(new BatchingQueue(batching, maxBatchSize, rule, 100, null), maxBatchSize, false,
                null);
    }

    /** Puts an instance into service. */
    Instance add(String name, ModelInstance model) {
        return add(name, ThreadConfinement.OWN_THREAD, model);
    }

    Instance add(String name, ThreadConfinement confinement, ModelInstance model) {
        Instance instance = Instance.create(name, confinement, SchedulerFixture.class.getClassLoader(), () -> model);
        scheduler.add(instance);
        return instance;
    }

    /** Puts an instance into service that shares a thread, or resources with others. */
    Instance add(String name, InstanceThread thread, RateLimiter.@Nullable Claim claim, ModelInstance model) {
        Instance instance = Instance.create(name, ThreadConfinement.OWN_THREAD, SchedulerFixture.class.getClassLoader(),
                thread,
                claim, () -> model);
        scheduler.add(instance);
        return instance;
    }

    /** Puts an instance with a thread of its own into service that shares resources with others. */
    Instance add(String name, RateLimiter.Claim claim, ModelInstance model) {
        InstanceThread thread = InstanceThread.start(name, SchedulerFixture.class.getClassLoader(), false);
        try {
            return add(name, thread, claim, model);
        } finally {
            thread.release();
        }
    }

    /** Submits a request of one row. */
    RecordingSink submit(String id) {
        RecordingSink sink = new RecordingSink();
        scheduler.submit(requests.one(id, sink));
        return sink;
    }

    /** Answers a request with one output of four bytes. */
    static void answer(InferenceRequest request) {
        InferenceResponse response = request.newResponse();
        MemorySegment ignored = response.addOutput("OUTPUT0", DataType.UINT8, Shape.of(4), 4);
        response.send();
    }

    static void answerAll(Batch batch) {
        batch.requests().forEach(SchedulerFixture::answer);
    }

    @Override
    public void close() {
        scheduler.stopInstances().forEach(Instance::close);
        pool.close();
    }

    /** Notes every batch, and executes it when the test lets it. */
    static final class Gated implements ModelInstance {
        private final LinkedBlockingQueue<List<String>> started = new LinkedBlockingQueue<>();
        private final Semaphore gate = new Semaphore(0);
        private final Consumer<Batch> behaviour;

        Gated() {
            this(SchedulerFixture::answerAll);
        }

        Gated(Consumer<Batch> behaviour) {
            this.behaviour = behaviour;
        }

        @Override
        public void execute(Batch batch) {
            started.add(batch.requests().stream().map(InferenceRequest::id).toList());
            gate.acquireUninterruptibly();
            behaviour.accept(batch);
        }

        /** Waits for the next batch to begin and returns its ids. */
        List<String> next() {
            try {
                List<String> ids = started.poll(30, TimeUnit.SECONDS);
                if (ids == null) {
                    throw new AssertionError("no execution began");
                }
                return ids;
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }

        boolean isIdle() {
            return started.isEmpty();
        }

        /** Lets that many executions end. */
        void let(int executions) {
            gate.release(executions);
        }
    }

    /** Notes every batch and executes it at once. */
    static final class Open implements ModelInstance {
        private final List<List<String>> batches = new ArrayList<>();
        private final Consumer<Batch> behaviour;

        Open() {
            this(SchedulerFixture::answerAll);
        }

        Open(Consumer<Batch> behaviour) {
            this.behaviour = behaviour;
        }

        @Override
        public void execute(Batch batch) {
            synchronized (batches) {
                batches.add(batch.requests().stream().map(InferenceRequest::id).toList());
            }
            behaviour.accept(batch);
        }

        List<List<String>> batches() {
            synchronized (batches) {
                return List.copyOf(batches);
            }
        }
    }
}
