package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import java.lang.foreign.MemorySegment;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Any number of answers, late ones, clients that leave or read slowly, and an unload: all at once, with a fixed seed. */
@Timeout(90)
class DecoupledStressTest {
    private static final long SEED = 20261130;
    private static final int CLIENTS = 12;
    private static final int REQUESTS = 250;
    private static final int ANSWERS = 12;

    private final BufferPool pool = new BufferPool(64 << 20, 1 << 20);
    private final ModelStatistics statistics = new ModelStatistics();
    private final TestRequests requests = new TestRequests(pool, System::nanoTime).decoupled();
    private final ExecutorService answerers = Executors.newVirtualThreadPerTaskExecutor();
    private final AtomicInteger violations = new AtomicInteger();
    private final AtomicInteger ends = new AtomicInteger();
    private final AtomicInteger answers = new AtomicInteger();

    /** Notes what no listener may see. Keeps some responses for a while. */
    private final class Client implements ResponseListener {
        private final Queue<Response> kept = new ConcurrentLinkedQueue<>();
        private final AtomicBoolean isBusy = new AtomicBoolean();
        private final boolean isSlow;
        private boolean hasEnded;
        private boolean hadLast;

        Client(boolean isSlow) {
            this.isSlow = isSlow;
        }

        private void enter() {
            if (!isBusy.compareAndSet(false, true) || hasEnded || hadLast) {
                violations.incrementAndGet();
            }
        }

        @Override
        public void response(Response response, boolean isLast) {
            enter();
            answers.incrementAndGet();
            if (isSlow) {
                kept.add(response);
            } else {
                response.close();
            }
            hadLast = isLast;
            isBusy.set(false);
        }

        @Override
        public void end(@Nullable InferenceException error) {
            hadLast = false;
            enter();
            hasEnded = true;
            ends.incrementAndGet();
            isBusy.set(false);
        }
    }

    @Test
    void everyRequestEndsOnceWhateverHappens() throws Exception {
        QueueScheduler scheduler = new QueueScheduler("m", 0, new DirectQueue(10_000), statistics, System::nanoTime,
                InstantSource.system(), new ManualTime(), false, null);
        for (int i = 0; i < 3; i++) {
            scheduler.add(instance("m_" + i, i));
        }
        AtomicInteger refused = new AtomicInteger();
        AtomicBoolean isOver = new AtomicBoolean();
        List<Client> slow = new ArrayList<>();
        Thread churn = Thread.ofPlatform().start(() -> addAndRemove(scheduler, isOver));
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int c = 0; c < CLIENTS; c++) {
                Random random = new Random(SEED + c);
                all.add(clients.submit(() -> refused.addAndGet(runClient(scheduler, random, slow))));
            }
            // The unload comes while a part of the requests is on its way.
            Waiting.until("most requests have ended", () -> ends.get() > CLIENTS * REQUESTS / 2);
            isOver.set(true);
            churn.join();
            Thread ending = Thread.ofPlatform().start(() -> {
                LockSupport.parkNanos(2_000_000);
                scheduler.endLate(InferenceException.unavailable("no more time"));
            });
            scheduler.stopInstances().forEach(Instance::close);
            ending.join();
            for (Future<?> each : all) {
                each.get();
            }
        }
        answerers.close();
        slow.forEach(client -> client.kept.forEach(Response::close));

        int sent = CLIENTS * REQUESTS;
        assertEquals(0, violations.get(), "one call at a time, none after the end");
        assertEquals(sent, ends.get() + refused.get());
        assertEquals(0, scheduler.inFlight());
        assertEquals(0, statistics.pendingCount());
        assertEquals(0, pool.inUseBytes());
        long failures = 0;
        for (FailureReason reason : FailureReason.values()) {
            failures += statistics.failures(reason).count();
        }
        assertEquals(sent, statistics.success().count() + failures, "refused ones count, too");
        assertTrue(statistics.success().count() > ends.get() / 3,
                () -> "many succeed: " + statistics.success().count());
        assertTrue(statistics.failures(FailureReason.CANCELED).count() > 0);
        assertTrue(statistics.failures(FailureReason.BACKEND).count() > 0);
        assertTrue(answers.get() > ends.get());
    }

    private Instance instance(String name, long seed) {
        return Instance.create(name, ThreadConfinement.OWN_THREAD, DecoupledStressTest.class.getClassLoader(),
                () -> new Streaming(new Random(SEED + 1000 + seed)));
    }

    private void addAndRemove(QueueScheduler scheduler, AtomicBoolean isOver) {
        for (int i = 0; !isOver.get(); i++) {
            Instance guest = instance("guest" + i, 100 + i);
            scheduler.add(guest);
            LockSupport.parkNanos(300_000);
            assertTrue(scheduler.remove(guest));
            guest.close();
        }
    }

    /** Returns how many requests were refused. */
    private int runClient(QueueScheduler scheduler, Random random, List<Client> slow) {
        int refused = 0;
        for (int i = 0; i < REQUESTS; i++) {
            Client client = new Client(random.nextInt(10) == 0);
            if (client.isSlow) {
                synchronized (slow) {
                    slow.add(client);
                }
            }
            ActiveRequest request = requests.one("r" + i, client);
            try {
                scheduler.submit(request);
            } catch (InferenceException stopping) {
                refused++;
                continue;
            }
            if (random.nextInt(3) == 0) {
                LockSupport.parkNanos(random.nextInt(400_000));
            }
            if (random.nextInt(6) == 0) {
                request.cancel();
            }
        }
        return refused;
    }

    /** Answers during its execution or later, and makes mistakes. */
    private final class Streaming implements ModelInstance {
        private final Random random;

        Streaming(Random random) {
            this.random = random;
        }

        @Override
        public void execute(Batch batch) {
            for (InferenceRequest request : batch.requests()) {
                long seed = random.nextLong();
                if (random.nextInt(12) == 0) {
                    throw InferenceException.internal("broken");
                }
                if (random.nextInt(3) == 0) {
                    answer(request, new Random(seed));
                    continue;
                }
                request.answerLater();
                answerers.execute(() -> answer(request, new Random(seed)));
            }
        }

        private void answer(InferenceRequest request, Random choice) {
            int count = choice.nextInt(ANSWERS);
            for (int i = 0; i < count; i++) {
                if (request.isCancelled()) {
                    request.fail(new InferenceException(StatusCode.CANCELLED, ""));
                    return;
                }
                response(request, choice.nextInt(20) == 0 ? 200_000 : 4).sendPartial();
                if (choice.nextInt(4) == 0) {
                    LockSupport.parkNanos(choice.nextInt(200_000));
                }
            }
            switch (choice.nextInt(8)) {
                case 0 -> request.fail(InferenceException.internal("no"));
                case 1, 2 -> response(request, 4).send();
                case 3 -> {
                    // Never sent, and released with its request.
                    assertNotSame(response(request, 4), response(request, 4));
                    request.complete();
                }
                default -> request.complete();
            }
        }

        private static InferenceResponse response(InferenceRequest request, int bytes) {
            InferenceResponse response = request.newResponse();
            MemorySegment ignored = response.addOutput("OUTPUT0", DataType.UINT8, Shape.of(bytes), bytes);
            return response;
        }
    }
}
