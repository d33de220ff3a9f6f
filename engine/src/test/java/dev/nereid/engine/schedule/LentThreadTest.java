package dev.nereid.engine.schedule;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.schedule.SchedulerFixture.Gated;
import dev.nereid.engine.schedule.SchedulerFixture.Open;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Executions on the threads of those who wait for them. */
@Timeout(60)
class LentThreadTest {
    @Test
    void shortExecutionsRunOnTheThreadOfTheRequest() {
        List<Thread> executors = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                executors.add(Thread.currentThread());
                SchedulerFixture.answerAll(batch);
            }));
            for (int i = 0; i < 3; i++) {
                assertEquals(List.of("response"), inferOnThisThread(rig, "r" + i).events());
            }

            assertTrue(executors.getFirst() != Thread.currentThread(), "not yet measured");
            assertSame(Thread.currentThread(), executors.get(1));
            assertSame(Thread.currentThread(), executors.get(2));
        }
    }

    @Test
    void aThreadThatMustNotWaitExecutesOnlyWhatHasBeenShortForLong() {
        List<Thread> executors = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Instance instance = rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                executors.add(Thread.currentThread());
                SchedulerFixture.answerAll(batch);
            }));
            for (int i = 0; i < 3; i++) {
                lendOnce(rig, "r" + i).await();
            }
            assertTrue(instance.prefersRequestThread(), "short, but not for long");
            assertEquals(List.of("m_0", "m_0", "m_0"), executors.stream().map(Thread::getName).toList());

            for (int i = 0; i < 1_000; i++) {
                instance.noteDuration(10_000);
            }
            RecordingSink sink = lendOnce(rig, "steady");

            assertEquals(List.of("response"), sink.events(), "executed before the thread went on");
            assertSame(Thread.currentThread(), executors.getLast());
        }
    }

    private static RecordingSink lendOnce(SchedulerFixture rig, String id) {
        RecordingSink sink = new RecordingSink();
        LendingSink lending = new LendingSink(sink, false);
        rig.scheduler.submit(rig.requests.one(id, lending));
        lending.lendOnce();
        return sink;
    }

    @Test
    void aConfinedInstanceNeverLeavesItsThread() {
        List<Thread> executors = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                executors.add(Thread.currentThread());
                SchedulerFixture.answerAll(batch);
            }));
            for (int i = 0; i < 3; i++) {
                inferOnThisThread(rig, "r" + i);
            }

            assertEquals(1, executors.stream().distinct().count());
            assertEquals("m_0", executors.getFirst().getName());
        }
    }

    @Test
    void aLentThreadSeesTheClassLoaderOfThePluginOnlyWhileItExecutes() {
        ClassLoader own = new ClassLoader() {
        };
        List<ClassLoader> seen = Collections.synchronizedList(new ArrayList<>());
        Thread current = Thread.currentThread();
        ClassLoader before = current.getContextClassLoader();
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Instance instance = Instance.create("m_0", ThreadConfinement.ANY_THREAD, own, () -> new Open(batch -> {
                seen.add(Thread.currentThread().getContextClassLoader());
                SchedulerFixture.answerAll(batch);
            }));
            rig.scheduler.add(instance);
            inferOnThisThread(rig, "a");
            inferOnThisThread(rig, "b");
        }

        assertEquals(List.of(own, own), seen);
        assertSame(before, current.getContextClassLoader());
    }

    @Test
    void aClientAnswersTheOthersOfItsBatchWhereTheInstanceHasMoreToDo() throws Exception {
        try (SchedulerFixture rig = SchedulerFixture.batching(2, 0, QueuePolicy.DEFAULT);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("first");
            assertEquals(List.of("first"), instance.next());
            List<Thread> answering = Collections.synchronizedList(new ArrayList<>());
            List<RecordingSink> sinks = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                RecordingSink sink = new RecordingSink(() -> answering.add(Thread.currentThread()));
                sinks.add(sink);
                LendingSink lending = new LendingSink(sink);
                rig.scheduler.submit(rig.requests.one("r" + i, lending));
                clients.execute(lending::await);
            }

            instance.let(2);
            sinks.get(0).await();
            sinks.get(1).await();
            assertEquals(1, answering.stream().distinct().count());
            assertTrue(answering.getFirst().isVirtual());
            instance.let(1);
            sinks.forEach(RecordingSink::await);
            assertFalse(answering.getLast().isVirtual(), "nothing else to do");
        }
    }

    @Test
    void aRequestThatDoesNotLendItsThreadIsExecutedByTheInstance() {
        List<String> executors = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                executors.add(Thread.currentThread().getName());
                SchedulerFixture.answerAll(batch);
            }));
            rig.submit("a").await();
            rig.submit("b").await();
        }

        assertEquals(List.of("m_0", "m_0"), executors);
    }

    @Test
    void aLentThreadGoesOnWithWhatWaits() throws Exception {
        List<Thread> executed = executeWhileALentThreadIsBusy(0);

        assertSame(executed.get(0), executed.get(1));
    }

    @Test
    void aLentThreadPassesTheInstanceOnWhenItsTimeIsOver() throws Exception {
        List<Thread> executed = executeWhileALentThreadIsBusy(QueueScheduler.LENT_NANOS / 1000);

        assertNotSame(executed.get(0), executed.get(1));
        assertTrue(executed.get(1).isVirtual(), "the thread of the next request");
    }

    /** Returns the threads of two executions; the second request comes during the first, which takes that long. */
    private static List<Thread> executeWhileALentThreadIsBusy(long micros) throws Exception {
        List<Thread> executed = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = SchedulerFixture.direct();
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            CountDownLatch started = new CountDownLatch(1);
            CountDownLatch second = new CountDownLatch(1);
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                if (batch.requests().getFirst().id().equals("a")) {
                    started.countDown();
                    Waiting.on(second);
                }
                executed.add(Thread.currentThread());
                SchedulerFixture.answerAll(batch);
            }));
            // Short enough, and then some, so that one long execution changes nothing.
            for (int i = 0; i < 3; i++) {
                inferOnThisThread(rig, "warm");
            }
            executed.clear();
            var a = clients.submit(() -> inferOnThisThread(rig, "a"));
            Waiting.on(started);
            var b = clients.submit(() -> inferOnThisThread(rig, "b"));
            Waiting.until("b has come", () -> rig.scheduler.queueSize() == 1);
            rig.time.advanceMicros(micros);
            second.countDown();

            assertEquals(List.of("response"), a.get().events());
            assertEquals(List.of("response"), b.get().events());
        }
        return executed;
    }

    @Test
    void aLentThreadThatGoesOnLetsAnotherAnswerTheRestOfItsBatch() throws Exception {
        try (SchedulerFixture rig = SchedulerFixture.batching(2, 0, QueuePolicy.DEFAULT);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Semaphore gate = new Semaphore(0);
            CountDownLatch started = new CountDownLatch(1);
            List<List<String>> batches = Collections.synchronizedList(new ArrayList<>());
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                batches.add(batch.requests().stream().map(InferenceRequest::id).toList());
                if (!batch.requests().getFirst().id().equals("warm")) {
                    started.countDown();
                    gate.acquireUninterruptibly();
                }
                SchedulerFixture.answerAll(batch);
            }));
            inferOnThisThread(rig, "warm");
            List<Future<RecordingSink>> answers = new ArrayList<>();
            answers.add(clients.submit(() -> inferOnThisThread(rig, "first")));
            Waiting.on(started);
            for (int i = 0; i < 4; i++) {
                String id = "r" + i;
                int waiting = i + 1;
                answers.add(clients.submit(() -> inferOnThisThread(rig, id)));
                Waiting.until(id + " has come", () -> rig.scheduler.queueSize() == waiting);
            }

            gate.release(2);
            assertEquals(List.of("response"), answers.get(1).get().events());
            assertEquals(List.of("response"), answers.get(2).get().events());
            gate.release(1);
            for (Future<RecordingSink> answer : answers) {
                assertEquals(List.of("response"), answer.get().events());
            }
            assertEquals(List.of("r2", "r3"), batches.getLast());
        }
    }

    @Test
    void anInterruptDoesNotEndTheWaitAndIsKept() throws Exception {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            AtomicBoolean isInterrupted = new AtomicBoolean();
            RecordingSink sink = new RecordingSink();
            LendingSink lending = new LendingSink(sink);
            Thread client = Thread.ofVirtual().start(() -> {
                rig.scheduler.submit(rig.requests.one("a", lending));
                lending.await();
                isInterrupted.set(Thread.currentThread().isInterrupted());
            });
            assertEquals(List.of("a"), instance.next());
            client.interrupt();
            Waiting.until("the client waits on", () -> client.getState() == Thread.State.WAITING);

            instance.let(1);
            client.join();
            assertTrue(sink.isDone());
            assertTrue(isInterrupted.get());
        }
    }

    @Test
    void anInterruptOfTheClientDoesNotReachTheExecutionOnItsThread() {
        List<Boolean> interrupts = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                interrupts.add(Thread.currentThread().isInterrupted());
                SchedulerFixture.answerAll(batch);
            }));
            inferOnThisThread(rig, "warm");
            Thread.currentThread().interrupt();
            inferOnThisThread(rig, "a");

            assertTrue(Thread.interrupted(), "the client still learns of it");
            assertEquals(List.of(false, false), interrupts);
        }
    }

    private static RecordingSink inferOnThisThread(SchedulerFixture rig, String id) {
        RecordingSink sink = new RecordingSink();
        LendingSink lending = new LendingSink(sink);
        rig.scheduler.submit(rig.requests.one(id, lending));
        lending.await();
        return sink;
    }
}
