package dev.nereid.engine.schedule;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.instance.Instance;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.engine.memory.BufferPool;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

@Timeout(60)
class InstanceTest {
    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 20, 0);
    private final ManualTime time = new ManualTime();
    private final TestRequests requests = new TestRequests(pool, time);
    private final ClassLoader loader = new ClassLoader() {
    };

    @Test
    void isCreatedExecutedAndClosedOnOnePlatformThreadOfItsOwn() {
        List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
        List<ClassLoader> loaders = Collections.synchronizedList(new ArrayList<>());
        Runnable note = () -> {
            threads.add(Thread.currentThread());
            loaders.add(Thread.currentThread().getContextClassLoader());
        };
        Instance instance = create(() -> {
            note.run();
            return new Acting(note, note);
        });
        instance.execute(List.of(requests.one("a", new RecordingSink())), time);
        instance.close();

        assertEquals(3, threads.size());
        assertEquals(1, threads.stream().distinct().count());
        Thread thread = threads.getFirst();
        assertEquals("m_0_0", thread.getName());
        assertFalse(thread.isVirtual());
        assertTrue(thread.isDaemon());
        assertFalse(thread.isAlive(), "ends with the instance");
        assertEquals(List.of(loader, loader, loader), loaders);
    }

    @Test
    void aCreationThatFailsEndsTheThread() {
        AtomicReference<Thread> thread = new AtomicReference<>();

        InferenceException failure = assertThrows(InferenceException.class, () -> create(() -> {
            thread.set(Thread.currentThread());
            throw InferenceException.invalid("no device");
        }));

        assertEquals("no device", failure.getMessage());
        assertFalse(Objects.requireNonNull(thread.get()).isAlive());
    }

    @Test
    void anErrorOfALibraryReachesWhoCreates() {
        assertThrows(UnsatisfiedLinkError.class, () -> create(() -> {
            throw new UnsatisfiedLinkError("libx.so");
        }));
    }

    @Test
    void closingWaitsUntilTheModelInstanceIsClosed() throws InterruptedException {
        CountDownLatch mayEnd = new CountDownLatch(1);
        Instance instance = create(() -> new Acting(() -> {
        }, () -> Waiting.on(mayEnd)));
        Thread closer = Thread.ofPlatform().start(instance::close);
        Waiting.until("the closing waits", () -> closer.getState() == Thread.State.WAITING);

        mayEnd.countDown();
        closer.join();
    }

    @Test
    void closingTwiceClosesOnce() {
        AtomicInteger closes = new AtomicInteger();
        Instance instance = create(() -> new Acting(() -> {
        }, closes::incrementAndGet));
        instance.close();
        instance.close();

        assertEquals(1, closes.get());
    }

    @Test
    void aCloseThatFailsStillEndsTheThread() {
        AtomicReference<Thread> thread = new AtomicReference<>();
        Instance instance = create(() -> new Acting(() -> {
        }, () -> {
            thread.set(Thread.currentThread());
            throw new IllegalStateException("stuck");
        }));

        assertThrows(IllegalStateException.class, instance::close);
        assertFalse(Objects.requireNonNull(thread.get()).isAlive());
    }

    @Test
    void canNotBeClosedByItsOwnThread() {
        Instance instance = create(() -> new Acting(() -> {
        }, () -> {
        }));

        assertThrows(IllegalStateException.class, () -> instance.call(instance::close));
        instance.close();
    }

    @Test
    void isReadyAsLongAsTheBackendSaysSoAndItIsOpen() {
        AtomicBoolean answer = new AtomicBoolean(true);
        Instance instance = create(() -> new Acting(() -> {
        }, () -> {
        }) {
            @Override
            public boolean isReady() {
                return answer.get();
            }
        });

        assertTrue(instance.isReady());
        answer.set(false);
        assertFalse(instance.isReady());
        answer.set(true);
        instance.close();
        assertFalse(instance.isReady());
    }

    @Test
    void aBackendThatInterruptsItsThreadStaysInService() {
        AtomicInteger executions = new AtomicInteger();
        Instance instance = create(() -> new Acting(() -> {
            executions.incrementAndGet();
            Thread.currentThread().interrupt();
        }, () -> {
        }));
        for (int i = 0; i < 3; i++) {
            instance.execute(List.of(requests.one("a", new RecordingSink())), time);
        }

        assertEquals(3, executions.get());
        instance.close();
    }

    @Test
    void anExecutionOutsideTheQueueAnswersItsRequestsBeforeItReturns() {
        Instance instance = create(() -> batch -> {
            SchedulerFixture.answer(batch.requests().getFirst());
            throw InferenceException.invalid("second one is bad");
        });
        RecordingSink good = new RecordingSink();
        RecordingSink bad = new RecordingSink();

        instance.execute(List.of(requests.one("a", good), requests.one("b", bad)), time);

        assertEquals(List.of("response"), good.events());
        assertEquals("second one is bad", bad.error().getMessage());
        instance.close();
    }

    @Test
    void prefersTheRequestsThreadForShortExecutionsWithHysteresis() {
        Instance instance = Instance.create("m_0_0", ThreadConfinement.ANY_THREAD, loader,
                () -> SchedulerFixture::answerAll);
        assertFalse(instance.prefersRequestThread(), "nothing is measured yet");
        instance.noteDuration(Instance.SHORT_NANOS);
        assertFalse(instance.prefersRequestThread());

        repeat(100, () -> instance.noteDuration(Instance.SHORT_NANOS / 2));
        assertTrue(instance.prefersRequestThread());
        repeat(100, () -> instance.noteDuration(Instance.SHORT_NANOS * 2));
        assertTrue(instance.prefersRequestThread(), "between the two limits nothing changes");

        repeat(100, () -> instance.noteDuration(Instance.LONG_NANOS * 2));
        assertFalse(instance.prefersRequestThread());
        repeat(100, () -> instance.noteDuration(Instance.SHORT_NANOS * 2));
        assertFalse(instance.prefersRequestThread());
        instance.close();
    }

    @Test
    void oneSlowExecutionDoesNotSwitchThreads() {
        Instance instance = Instance.create("m_0_0", ThreadConfinement.ANY_THREAD, loader,
                () -> SchedulerFixture::answerAll);
        repeat(100, () -> instance.noteDuration(10_000));
        instance.noteDuration(1_000_000);

        assertTrue(instance.prefersRequestThread());
        instance.close();
    }

    @Test
    void isSteadilyShortAfterManyQuickExecutionsInARow() {
        Instance instance = Instance.create("m_0_0", ThreadConfinement.ANY_THREAD, loader,
                () -> SchedulerFixture::answerAll);
        repeat(999, () -> instance.noteDuration(10_000));
        assertFalse(instance.isSteadilyShort());
        instance.noteDuration(10_000);
        assertTrue(instance.isSteadilyShort());

        instance.noteDuration(6_000_000);
        assertFalse(instance.isSteadilyShort(), "one was slow");
        repeat(1_000, () -> instance.noteDuration(10_000));
        assertTrue(instance.isSteadilyShort());

        instance.noteDuration(200_000_000);
        repeat(100_999, () -> instance.noteDuration(10_000));
        assertFalse(instance.isSteadilyShort(), "one held everybody up");
        instance.noteDuration(10_000);
        assertTrue(instance.isSteadilyShort());

        repeat(100, () -> instance.noteDuration(1_000_000));
        assertFalse(instance.isSteadilyShort(), "quick, but no longer short");
        instance.close();
    }

    @Test
    void aConfinedInstanceNeverPrefersTheRequestsThread() {
        Instance instance = create(() -> SchedulerFixture::answerAll);
        repeat(100, () -> instance.noteDuration(1));

        assertFalse(instance.prefersRequestThread());
        instance.close();
    }

    @Test
    void theClassLoaderOfTheCallerIsLeftAlone() {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Instance instance = create(() -> SchedulerFixture::answerAll);
        instance.close();

        assertSame(before, Thread.currentThread().getContextClassLoader());
    }

    private static void repeat(int times, Runnable action) {
        for (int i = 0; i < times; i++) {
            action.run();
        }
    }

    private Instance create(Supplier<ModelInstance> creator) {
        return Instance.create("m_0_0", ThreadConfinement.OWN_THREAD, loader, creator);
    }

    private static class Acting implements ModelInstance {
        private final Runnable onExecute;
        private final Runnable onClose;

        Acting(Runnable onExecute, Runnable onClose) {
            this.onExecute = onExecute;
            this.onClose = onClose;
        }

        @Override
        public void execute(Batch batch) {
            onExecute.run();
            SchedulerFixture.answerAll(batch);
        }

        @Override
        public void close() {
            onClose.run();
        }
    }
}
