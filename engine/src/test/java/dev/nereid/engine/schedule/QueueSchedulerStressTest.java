package dev.nereid.engine.schedule;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.EngineOptions.RateResource;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.instance.InstanceThread;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.stats.DurationCounter;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Races, with real time and fixed seeds: every request is answered exactly once and nothing is left anywhere. */
@Timeout(120)
class QueueSchedulerStressTest {
    private static final long SEED = 20_260_101;
    private static final int CLIENTS = 48;
    private static final int REQUESTS = 120;
    private static final int MAX_BATCH = 8;
    private static final int RESOURCES = 2;

    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 30, 1 << 20);
    @AutoClose
    private final TimerWakeups wakeups = new TimerWakeups(System::nanoTime);
    private final ModelStatistics statistics = new ModelStatistics();
    private final TestRequests requests = new TestRequests(pool, System::nanoTime);
    private final ConcurrentHashMap<String, AtomicInteger> answers = new ConcurrentHashMap<>();
    private final AtomicInteger violations = new AtomicInteger();
    /** How much of the one resource is in use where there is a rate limiter. */
    private final AtomicInteger inUse = new AtomicInteger();

    @Test
    void everyRequestIsAnsweredExactlyOnceWhateverHappens() throws Exception {
        QueueScheduler scheduler = scheduler(policies(true), false);
        add(scheduler, "own0", ThreadConfinement.OWN_THREAD, 1);
        add(scheduler, "own1", ThreadConfinement.OWN_THREAD, 2);
        add(scheduler, "any0", ThreadConfinement.ANY_THREAD, 3);
        int refused = runClients(List.of(scheduler), 1);

        List<Instance> idle = scheduler.stopInstances();
        idle.forEach(Instance::close);
        assertEquals(3, idle.size());
        check(refused);
        assertEquals(0, scheduler.queueSize());
    }

    @Test
    void modelsShareResourcesAndThreadsWhateverHappens() throws Exception {
        RateLimiter limiter = new RateLimiter(List.of(new RateResource("R", RESOURCES, OptionalInt.empty())));
        QueueScheduler one = scheduler(policies(false), false, limiter);
        QueueScheduler two = scheduler(new DynamicBatching(List.of(MAX_BATCH), 0, true, 0, 0,
                new QueuePolicy(TimeoutAction.REJECT, 1_000_000, false, 0), Map.of()), true, limiter);
        ClassLoader loader = QueueSchedulerStressTest.class.getClassLoader();
        InstanceThread shared = InstanceThread.start("shared", loader, true);
        for (int i = 0; i < 3; i++) {
            addLimited(one, limiter, "one" + i, ThreadConfinement.ANY_THREAD, null, 1 + i % RESOURCES, 1 + i);
            addLimited(two, limiter, "two" + i, ThreadConfinement.OWN_THREAD, shared, 1 + i % RESOURCES, i);
        }
        shared.release();
        int refused = runClients(List.of(one, two), 0);

        assertEquals(3, stopAndClose(one));
        assertEquals(3, stopAndClose(two));
        check(refused);
        assertEquals(0, one.queueSize() + two.queueSize());
        assertEquals(0, inUse.get());
        assertTrue(limiter.claim(needs(RESOURCES, 0), 0).tryAcquire(), "nothing is left behind");
    }

    private static int stopAndClose(QueueScheduler scheduler) {
        List<Instance> idle = scheduler.stopInstances();
        idle.forEach(Instance::close);
        return idle.size();
    }

    private static InstanceGroup.RateLimiter needs(int count, int priority) {
        return new InstanceGroup.RateLimiter(List.of(new InstanceGroup.Resource("R", false, count)), priority);
    }

    private void addLimited(QueueScheduler scheduler, RateLimiter limiter, String name, ThreadConfinement confinement,
            @Nullable InstanceThread thread, int count, int priority) {
        InstanceThread driver = thread == null
                ? InstanceThread.start(name, QueueSchedulerStressTest.class.getClassLoader(), false)
                : thread;
        scheduler.add(Instance.create(name, confinement, QueueSchedulerStressTest.class.getClassLoader(), driver,
                limiter.claim(needs(count, priority), 0), () -> new Unreliable(count + priority, count)));
        if (thread == null) {
            driver.release();
        }
    }

    /** Returns how many requests were refused. Meanwhile instances come and go. */
    private int runClients(List<QueueScheduler> dispatchers, int guests) throws Exception {
        AtomicInteger refused = new AtomicInteger();
        AtomicBoolean isOver = new AtomicBoolean();
        List<Thread> churns = new ArrayList<>();
        for (int i = 0; i < guests; i++) {
            churns.add(Thread.ofPlatform().start(() -> addAndRemove(dispatchers.getFirst(), isOver)));
        }
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int c = 0; c < CLIENTS; c++) {
                int client = c;
                QueueScheduler scheduler = dispatchers.get(client % dispatchers.size());
                all.add(clients.submit(() -> refused.addAndGet(runClient(scheduler, client))));
            }
            for (Future<?> each : all) {
                each.get();
            }
        }
        isOver.set(true);
        for (Thread churn : churns) {
            churn.join();
        }
        return refused.get();
    }

    /** Called when the dispatchers are stopped. */
    private void check(int refused) {
        int sent = CLIENTS * REQUESTS;
        assertEquals(sent - refused, answers.size());
        answers.forEach((id, count) -> assertEquals(1, count.get(), id));
        assertEquals(0, violations.get(), "one execution at a time on an instance, no batch too large");
        assertEquals(0, statistics.pendingCount());
        assertEquals(0, pool.inUseBytes());
        long failures = 0;
        for (FailureReason reason : FailureReason.values()) {
            failures += statistics.failures(reason).count();
        }
        assertEquals(sent, statistics.success().count() + failures);
        assertEquals(refused, statistics.failures(FailureReason.OTHER).count());
        assertTrue(statistics.success().count() > sent / 4, () -> "most succeed: " + statistics.success().count());
        assertTrue(statistics.failures(FailureReason.CANCELED).count() > 0);
        assertTrue(statistics.failures(FailureReason.BACKEND).count() > 0);
        assertEquals(statistics.executionCount(),
                statistics.batches().values().stream().mapToLong(batch -> batch.infer().count()).sum());
        assertTrue(Collections.max(statistics.batches().keySet()) <= MAX_BATCH);
        for (DurationCounter each : List.of(statistics.queue(), statistics.computeInput(), statistics.computeInfer(),
                statistics.computeOutput())) {
            assertEquals(statistics.success().count(), each.count());
        }
    }

    @Test
    void ordersOfAnswersHoldWhateverHappens() {
        DynamicBatching batching = new DynamicBatching(List.of(2, 4), 50, true, 0, 0,
                new QueuePolicy(TimeoutAction.REJECT, 20_000, true, 0), Map.of());
        QueueScheduler scheduler = scheduler(batching, true);
        for (int i = 0; i < 4; i++) {
            add(scheduler, "m_" + i, ThreadConfinement.OWN_THREAD, i);
        }
        Random random = new Random(SEED);
        List<String> submitted = new ArrayList<>();
        List<String> answered = Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 2000; i++) {
            String id = "r" + i;
            ActiveRequest request = requests.id(id).rows(1 + random.nextInt(3)).input("INPUT0", 1 + random.nextInt(2))
                    .timeoutMicros(random.nextInt(3000)).to(new RecordingSink(() -> answered.add(id))).build();
            try {
                scheduler.submit(request);
                submitted.add(id);
            } catch (InferenceException full) {
                LockSupport.parkNanos(100_000);
            }
            if (random.nextInt(10) == 0) {
                request.cancel();
            }
        }

        scheduler.stopInstances().forEach(Instance::close);
        assertEquals(submitted, answered);
        assertEquals(0, pool.inUseBytes());
    }

    private static DynamicBatching policies(boolean mayShorten) {
        QueuePolicy normal = new QueuePolicy(TimeoutAction.REJECT, mayShorten ? 5_000 : 1_000_000, mayShorten, 40);
        QueuePolicy delay = new QueuePolicy(TimeoutAction.DELAY, 300, true, 0);
        return new DynamicBatching(List.of(3, 6), 100, false, 3, 2, normal, Map.of(3L, delay));
    }

    private QueueScheduler scheduler(DynamicBatching batching, boolean keepsOrder) {
        return scheduler(batching, keepsOrder, null);
    }

    private QueueScheduler scheduler(DynamicBatching batching, boolean keepsOrder, @Nullable RateLimiter limiter) {
        ModelConfig config = ModelConfig.builder("m").maxBatchSize(MAX_BATCH)
                .inputs(List.of(new ModelInput("INPUT0", DataType.UINT8, Dims.of(Dims.ANY)))).build();
        return new QueueScheduler("m", MAX_BATCH,
                new BatchingQueue(batching, MAX_BATCH, BatchRule.of(config), 500, null),
                statistics,
                System::nanoTime, InstantSource.system(), wakeups, keepsOrder, limiter);
    }

    private Instance add(QueueScheduler scheduler, String name, ThreadConfinement confinement, long seed) {
        Instance instance = Instance.create(name, confinement, QueueSchedulerStressTest.class.getClassLoader(),
                () -> new Unreliable(seed, 0));
        scheduler.add(instance);
        return instance;
    }

    private void addAndRemove(QueueScheduler scheduler, AtomicBoolean isOver) {
        for (int i = 0; !isOver.get(); i++) {
            Instance guest = add(scheduler, "guest" + i,
                    i % 2 == 0 ? ThreadConfinement.OWN_THREAD : ThreadConfinement.ANY_THREAD, i);
            LockSupport.parkNanos(200_000);
            assertTrue(scheduler.remove(guest));
            guest.close();
        }
    }

    /** Returns how many requests were refused. */
    private int runClient(QueueScheduler scheduler, int client) {
        Random random = new Random(SEED + client);
        int refused = 0;
        for (int i = 0; i < REQUESTS; i++) {
            String id = client + "/" + i;
            RecordingSink sink = new RecordingSink(
                    () -> answers.computeIfAbsent(id, ignored -> new AtomicInteger()).incrementAndGet());
            boolean lends = random.nextBoolean();
            LendingSink lending = new LendingSink(sink);
            ActiveRequest request = requests.id(id).rows(random.nextInt(5)).input("INPUT0", 1 + random.nextInt(3))
                    .priority(random.nextInt(5)).timeoutMicros(random.nextInt(400)).to(lends ? lending : sink).build();
            try {
                scheduler.submit(request);
            } catch (InferenceException full) {
                refused++;
                continue;
            }
            if (random.nextInt(8) == 0) {
                request.cancel();
            }
            if (lends) {
                lending.await();
            } else if (random.nextBoolean()) {
                sink.await();
            }
            if (random.nextInt(4) == 0) {
                LockSupport.parkNanos(random.nextInt(300_000));
            }
        }
        return refused;
    }

    /** Answers most requests, and makes every mistake that a backend can make. */
    private final class Unreliable implements ModelInstance {
        private final Random random;
        private final AtomicInteger running = new AtomicInteger();

        private final int needs;

        Unreliable(long seed, int needs) {
            this.random = new Random(SEED + seed);
            this.needs = needs;
        }

        @Override
        public void execute(Batch batch) {
            if (running.incrementAndGet() != 1 || inUse.addAndGet(needs) > RESOURCES) {
                violations.incrementAndGet();
            }
            try {
                if (batch.rows() > MAX_BATCH) {
                    violations.incrementAndGet();
                }
                if (random.nextInt(6) == 0) {
                    LockSupport.parkNanos(random.nextInt(600_000));
                }
                for (InferenceRequest request : batch.requests()) {
                    answer(request);
                }
            } finally {
                inUse.addAndGet(-needs);
                running.decrementAndGet();
            }
        }

        private void answer(InferenceRequest request) {
            switch (random.nextInt(40)) {
                case 0 -> throw InferenceException.internal("broken");
                case 1 -> throw InferenceException.unavailable("busy");
                case 2 -> request.fail(InferenceException.invalid("no"));
                case 3 -> {
                    // Forgotten.
                }
                case 4 -> {
                    SchedulerFixture.answer(request);
                    if (random.nextInt(10) == 0) {
                        SchedulerFixture.answer(request);
                    }
                }
                default -> SchedulerFixture.answer(request);
            }
        }
    }
}
