package dev.nereid.server.scheduler;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.server.scheduler.Rig.Gated;
import dev.nereid.server.scheduler.Rig.Open;
import dev.nereid.server.stats.FailureReason;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DispatcherTest {
    private static final QueuePolicy REJECT_AFTER_50 = new QueuePolicy(TimeoutAction.REJECT, 50, false, 0);

    // Who executes what

    @Test
    void instancesServeInTheOrderInWhichTheyBecameFree() {
        try (Rig rig = Rig.direct()) {
            Gated first = new Gated();
            Gated second = new Gated();
            rig.add("first", first);
            rig.add("second", second);

            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");
            assertEquals(List.of("a"), first.next());
            assertEquals(List.of("b"), second.next());

            second.let(1);
            b.await();
            first.let(1);
            a.await();
            RecordingSink c = rig.submit("c");
            assertEquals(List.of("c"), second.next());
            second.let(1);
            c.await();
        }
    }

    @Test
    void aBatchIsFormedWhenAnInstanceBecomesFreeAndNotBefore() {
        try (Rig rig = Rig.batching(4, 0, QueuePolicy.DEFAULT)) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            assertEquals(List.of("a"), instance.next());

            rig.submit("b");
            rig.submit("c");
            assertEquals(2, rig.dispatcher.queueSize());
            rig.submit("d");
            instance.let(1);

            assertEquals(List.of("b", "c", "d"), instance.next());
            assertEquals(0, rig.dispatcher.queueSize());
            instance.let(1);
        }
    }

    @Test
    void everyFreeInstanceGetsABatchWhereSeveralAreDue() {
        try (Rig rig = Rig.batching(4, 100, QueuePolicy.DEFAULT)) {
            Gated first = new Gated();
            Gated second = new Gated();
            rig.add("first", first);
            rig.add("second", second);
            rig.dispatcher.submit(rig.requests.id("a").rows(3).build());
            rig.dispatcher.submit(rig.requests.id("b").rows(3).build());
            assertEquals(List.of("a"), first.next());

            rig.time.advanceMicros(100);

            assertEquals(List.of("b"), second.next(), "the first instance is still busy");
            first.let(1);
            second.let(1);
        }
    }

    @Test
    void whatWaitsForCompanyLeavesWhenItsTimeHasCome() {
        try (Rig rig = Rig.batching(4, 100, QueuePolicy.DEFAULT)) {
            Open instance = new Open();
            rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");
            rig.time.advanceMicros(99);
            assertEquals(List.of(), instance.batches());

            rig.time.advanceMicros(1);
            a.await();
            b.await();
            assertEquals(List.of(List.of("a", "b")), instance.batches());
        }
    }

    @Test
    void anInstanceThatComesLaterServesWhatWaits() {
        try (Rig rig = Rig.direct()) {
            RecordingSink a = rig.submit("a");
            assertEquals(1, rig.statistics.pendingCount());

            rig.add("m_0", new Open());
            assertEquals(List.of("response"), a.await().events());
        }
    }

    // What backends do wrong

    @Test
    void aThrowAnswersAllUnansweredRequestsAndLeavesTheInstanceInUse() {
        AtomicReference<Throwable> toThrow = new AtomicReference<>(new IllegalStateException("secret detail"));
        try (Rig rig = Rig.batching(2, 1_000_000, QueuePolicy.DEFAULT)) {
            rig.add("m_0", new Open(batch -> {
                Rig.answer(batch.requests().getFirst());
                sneak(Objects.requireNonNull(toThrow.get()));
            }));

            for (Throwable each : List.of(new IllegalStateException("secret detail"), new UnsatisfiedLinkError("lib"),
                    new StackOverflowError())) {
                toThrow.set(each);
                RecordingSink a = rig.submit("a");
                RecordingSink b = rig.submit("b");

                assertEquals(List.of("response"), a.await().events());
                InferenceException failure = b.await().error();
                assertEquals(StatusCode.INTERNAL, failure.code());
                assertEquals("model 'm' failed to execute the request; the server's log has the details",
                        failure.getMessage());
            }
            assertEquals(3, rig.statistics.failures(FailureReason.BACKEND).count());
            assertEquals(3, rig.statistics.success().count());
        }
    }

    @Test
    void theErrorThatABackendThrowsReachesTheClient() {
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open(batch -> {
                throw InferenceException.invalid("token 7 is out of range");
            }));

            InferenceException failure = rig.submit("a").await().error();

            assertEquals(StatusCode.INVALID_ARG, failure.code());
            assertEquals("token 7 is out of range", failure.getMessage());
        }
    }

    @Test
    void anErrorOfOneRequestLeavesTheOthersOfItsBatchAlone() {
        try (Rig rig = Rig.batching(2, 1_000_000, QueuePolicy.DEFAULT)) {
            rig.add("m_0", new Open(batch -> {
                batch.requests().getFirst().fail(InferenceException.invalid("no"));
                Rig.answer(batch.requests().getLast());
            }));
            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");

            assertEquals("no", a.await().error().getMessage());
            assertEquals(List.of("response"), b.await().events());
        }
    }

    @Test
    void aRequestThatTheBackendForgetsIsAnsweredWithAnError() {
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open(batch -> {
            }));

            assertEquals("model 'm' did not answer the request", rig.submit("a").await().error().getMessage());
        }
    }

    @Test
    void aSecondAnswerIsRefusedAndTheFirstOneCounts() {
        AtomicInteger refusals = new AtomicInteger();
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceRequest request = batch.requests().getFirst();
                Rig.answer(request);
                assertTrue(request.isAnswered());
                for (Runnable second : List.<Runnable>of(() -> Rig.answer(request), request::complete,
                        () -> request.fail(InferenceException.invalid("late")))) {
                    assertThrows(IllegalStateException.class, second::run);
                    refusals.incrementAndGet();
                }
            }));

            assertEquals(List.of("response"), rig.submit("a").await().events());
            assertEquals(3, refusals.get());
            assertEquals(1, rig.statistics.success().count());
        }
    }

    @Test
    void memoryOfResponsesThatAreNeverSentIsReleased() {
        AtomicInteger released = new AtomicInteger();
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceResponse unsent = batch.requests().getFirst().newResponse();
                MemorySegment ignored = unsent.addOutput("OUTPUT0", DataType.UINT8, Shape.of(4), 4);
                unsent.addOutput("OUTPUT1", DataType.UINT8, Shape.of(1), MemorySegment.ofArray(new byte[1]),
                        released::incrementAndGet);
                Rig.answer(batch.requests().getFirst());
            }));

            rig.submit("a").await();

            Waiting.until("everything is given back", () -> rig.pool.inUseBytes() == 0);
            assertEquals(1, released.get());
        }
    }

    @Test
    void memoryOfAResponseThatDoesNotFitTheConfigurationIsReleased() {
        try (Rig rig = Rig.direct()) {
            rig.requests.presenting(outputs -> {
                throw InferenceException.invalid("can't be reshaped");
            });
            rig.add("m_0", new Open());

            assertEquals("can't be reshaped", rig.submit("a").await().error().getMessage());
            Waiting.until("everything is given back", () -> rig.pool.inUseBytes() == 0);
        }
    }

    @Test
    void aBackendThatFailsToReleaseMemoryStaysInService() {
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceResponse unsent = batch.requests().getFirst().newResponse();
                unsent.addOutput("A", DataType.UINT8, Shape.of(1), MemorySegment.ofArray(new byte[1]), () -> {
                    throw new IllegalStateException("double free");
                });
                MemorySegment ignored = unsent.addOutput("B", DataType.UINT8, Shape.of(4), 4);
                Rig.answer(batch.requests().getFirst());
            }));

            assertEquals(List.of("response"), rig.submit("a").await().events());
            assertEquals(List.of("response"), rig.submit("b").await().events());
            Waiting.until("everything is given back", () -> rig.pool.inUseBytes() == 0);
        }
    }

    // Decoupled models

    @Test
    void partialResponsesLeaveAtOnce() {
        try (Rig rig = Rig.direct()) {
            rig.requests.decoupled();
            CountDownLatch seen = new CountDownLatch(1);
            rig.add("m_0", new Open(batch -> {
                batch.requests().getFirst().newResponse().sendPartial();
                Waiting.on(seen);
                batch.requests().getFirst().newResponse().sendPartial();
                batch.requests().getFirst().complete();
            }));
            RecordingSink sink = rig.submit("a");

            Waiting.until("the first response", () -> sink.events().size() == 1);
            seen.countDown();
            assertEquals(List.of("partial", "partial", "end"), sink.await().events());
        }
    }

    @Test
    void onlyDecoupledModelsSendOtherThanOneResponse() {
        List<StatusCode> codes = Collections.synchronizedList(new ArrayList<>());
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceRequest request = batch.requests().getFirst();
                codes.add(assertThrows(InferenceException.class, () -> request.newResponse().sendPartial()).code());
                codes.add(assertThrows(InferenceException.class, request::complete).code());
                Rig.answer(request);
            }));

            assertEquals(List.of("response"), rig.submit("a").await().events());
            assertEquals(List.of(StatusCode.UNSUPPORTED, StatusCode.UNSUPPORTED), codes);
        }
    }

    // Order

    @Test
    void answersLeaveInTheOrderOfTheRequestsWhereThatIsPromised() {
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        try (Rig rig = Rig.inOrder()) {
            Gated slow = new Gated();
            Gated fast = new Gated();
            rig.add("slow", slow);
            rig.add("fast", fast);
            RecordingSink a = new RecordingSink(() -> order.add("a"));
            RecordingSink b = new RecordingSink(() -> order.add("b"));
            RecordingSink c = new RecordingSink(() -> order.add("c"));
            rig.dispatcher.submit(rig.requests.one("a", a));
            rig.dispatcher.submit(rig.requests.one("b", b));
            rig.dispatcher.submit(rig.requests.one("c", c));
            assertEquals(List.of("a"), slow.next());
            fast.let(2);
            assertEquals(List.of("b"), fast.next());
            assertEquals(List.of("c"), fast.next());
            Waiting.until("b and c are executed", () -> rig.statistics.success().count() == 2);
            assertFalse(b.isDone());

            slow.let(1);
            a.await();
            b.await();
            c.await();
            assertEquals(List.of("a", "b", "c"), order);
        }
    }

    @Test
    void aCancelledRequestDoesNotHoldUpTheOrder() {
        try (Rig rig = Rig.inOrder()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            RecordingSink gone = new RecordingSink();
            EngineRequest cancelled = rig.requests.one("gone", gone);
            rig.dispatcher.submit(cancelled);
            RecordingSink c = rig.submit("c");
            rig.dispatcher.cancel(cancelled);
            assertFalse(gone.isDone(), "its turn has not come");

            instance.let(2);
            a.await();
            assertEquals(List.of("failure CANCELLED"), gone.await().events());
            c.await();
        }
    }

    // Queue events

    @Test
    void timeoutsFireByTheTimerWhileTheInstanceIsBusy() {
        try (Rig rig = Rig.batching(1, 0, REJECT_AFTER_50)) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            assertEquals(List.of("a"), instance.next());
            RecordingSink late = rig.submit("late");

            rig.time.advanceMicros(50);

            assertEquals("Request timeout expired", late.await().error().getMessage());
            assertEquals(1, rig.statistics.failures(FailureReason.REJECTED).count());
            assertEquals(0, rig.statistics.pendingCount());
            instance.let(1);
        }
    }

    @Test
    void aBatchThatIsDueDoesNotMakeTheTimerSpinWhileNoInstanceIsFree() {
        try (Rig rig = Rig.batching(4, 100, QueuePolicy.DEFAULT)) {
            Instance only = rig.add("m_0", new Open());
            RecordingSink a = rig.submit("a");
            assertTrue(rig.time.due() < RequestQueue.NEVER);

            assertTrue(rig.dispatcher.remove(only));
            only.close();
            assertEquals(RequestQueue.NEVER, rig.time.due());
            rig.time.advanceMicros(200);
            assertEquals(0, rig.time.rings());

            rig.add("m_1", new Open());
            a.await();
        }
    }

    @Test
    void aCancelledRequestLeavesTheQueueAtOnce() {
        try (Rig rig = Rig.direct()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            RecordingSink sink = new RecordingSink();
            EngineRequest request = rig.requests.one("b", sink);
            rig.dispatcher.submit(request);
            assertEquals(1, rig.statistics.pendingCount());

            rig.dispatcher.cancel(request);

            assertEquals(List.of("failure CANCELLED"), sink.events());
            assertEquals(0, rig.statistics.pendingCount());
            assertEquals(1, rig.statistics.failures(FailureReason.CANCELED).count());
            instance.let(1);
        }
    }

    @Test
    void aCancelledRequestThatIsExecutedIsLeftToItsBackend() {
        AtomicBoolean seen = new AtomicBoolean();
        try (Rig rig = Rig.direct()) {
            Gated instance = new Gated(batch -> {
                seen.set(batch.requests().getFirst().isCancelled());
                Rig.answerAll(batch);
            });
            rig.add("m_0", instance);
            RecordingSink sink = new RecordingSink();
            EngineRequest request = rig.requests.one("a", sink);
            rig.dispatcher.submit(request);
            assertEquals(List.of("a"), instance.next());

            rig.dispatcher.cancel(request);
            instance.let(1);

            assertEquals(List.of("response"), sink.await().events());
            assertTrue(seen.get());
        }
    }

    @Test
    void aFullQueueIsToldToWhoSubmits() {
        try (Rig rig = new Rig(new DirectQueue(1), false)) {
            RecordingSink a = rig.submit("a");
            RecordingSink refused = new RecordingSink();

            assertThrows(InferenceException.class, () -> rig.dispatcher.submit(rig.requests.one("b", refused)));

            assertEquals(List.of(), refused.events(), "the sink gets nothing");
            assertEquals(1, rig.statistics.failures(FailureReason.OTHER).count());
            assertEquals(1, rig.statistics.pendingCount());
            rig.add("m_0", new Open());
            a.await();
        }
    }

    // Removing and stopping

    @Test
    void removingAnIdleInstanceTakesItOutOfService() {
        try (Rig rig = Rig.direct()) {
            Open removed = new Open();
            Instance instance = rig.add("removed", removed);
            rig.add("kept", new Open());

            assertTrue(rig.dispatcher.remove(instance));
            instance.close();
            rig.submit("a").await();
            rig.submit("b").await();
            assertEquals(List.of(), removed.batches());
        }
    }

    @Test
    void removingABusyInstanceWaitsForItsExecution() throws Exception {
        try (Rig rig = Rig.direct()) {
            Gated busy = new Gated();
            Instance instance = rig.add("busy", busy);
            RecordingSink a = rig.submit("a");
            assertEquals(List.of("a"), busy.next());
            rig.add("other", new Open());

            FutureTask<Boolean> removal = new FutureTask<>(() -> rig.dispatcher.remove(instance));
            Thread remover = Thread.ofPlatform().start(removal);
            Waiting.until("the removal waits", () -> remover.getState() == Thread.State.WAITING);
            rig.submit("b").await();
            assertFalse(removal.isDone());

            busy.let(1);
            assertTrue(removal.get());
            a.await();
            instance.close();
            assertTrue(busy.isIdle());
        }
    }

    @Test
    void whatStopHasReturnedCanNotBeRemoved() {
        Rig rig = Rig.direct();
        Instance instance = rig.add("m_0", new Open());

        List<Instance> idle = rig.dispatcher.stop();

        assertEquals(List.of(instance), idle);
        assertFalse(rig.dispatcher.remove(instance));
        idle.forEach(Instance::close);
        rig.close();
    }

    @Test
    void stoppingRefusesNewRequestsAndFinishesThoseThatWait() throws Exception {
        try (Rig rig = Rig.direct()) {
            Gated instance = new Gated();
            Instance added = rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");
            assertEquals(List.of("a"), instance.next());
            FutureTask<List<Instance>> stop = new FutureTask<>(rig.dispatcher::stop);
            Thread stopper = Thread.ofPlatform().start(stop);
            Waiting.until("the stop waits", () -> stopper.getState() == Thread.State.WAITING);

            InferenceException refused = assertThrows(InferenceException.class, () -> rig.submit("c"));
            assertEquals(StatusCode.UNAVAILABLE, refused.code());
            assertEquals("[request id: c] Server is stopping, scheduler for model has stopped accepting new inference "
                    + "requests", refused.getMessage());

            instance.let(2);
            List<Instance> idle = stop.get();
            assertTrue(a.isDone() && b.isDone());
            assertEquals(List.of(added), idle);
            idle.forEach(Instance::close);
        }
    }

    @Test
    void stoppingDoesNotWaitForFullerBatches() {
        Rig rig = Rig.batching(4, Long.MAX_VALUE, QueuePolicy.DEFAULT);
        Open instance = new Open();
        rig.add("m_0", instance);
        RecordingSink a = rig.submit("a");
        RecordingSink b = rig.submit("b");

        rig.close();

        assertEquals(List.of("response"), a.events());
        assertEquals(List.of("response"), b.events());
        assertEquals(List.of(List.of("a", "b")), instance.batches());
    }

    @Test
    void stoppingWithoutInstancesTurnsAwayWhatWaits() {
        Rig rig = Rig.direct();
        RecordingSink a = rig.submit("a");

        rig.close();

        assertEquals(StatusCode.UNAVAILABLE, a.error().code());
        assertEquals(0, rig.statistics.pendingCount());
        assertEquals(1, rig.statistics.failures(FailureReason.OTHER).count());
    }

    @Test
    void stopReturnsOnlyWhenTheLastAnswerHasLeft() throws Exception {
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open());
            CountDownLatch delivering = new CountDownLatch(1);
            CountDownLatch mayLeave = new CountDownLatch(1);
            RecordingSink slow = new RecordingSink(() -> {
                delivering.countDown();
                Waiting.on(mayLeave);
            });
            rig.dispatcher.submit(rig.requests.one("a", slow));
            Waiting.on(delivering);
            FutureTask<List<Instance>> stop = new FutureTask<>(rig.dispatcher::stop);
            Thread stopper = Thread.ofPlatform().start(stop);
            Waiting.until("the stop waits", () -> stopper.getState() == Thread.State.WAITING);

            mayLeave.countDown();
            stop.get().forEach(Instance::close);
            assertTrue(slow.isDone());
        }
    }

    // The request's own thread

    @Test
    void shortExecutionsRunOnTheThreadOfTheRequest() {
        List<Thread> executors = Collections.synchronizedList(new ArrayList<>());
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                executors.add(Thread.currentThread());
                Rig.answerAll(batch);
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
    void aConfinedInstanceNeverLeavesItsThread() {
        List<Thread> executors = Collections.synchronizedList(new ArrayList<>());
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", new Open(batch -> {
                executors.add(Thread.currentThread());
                Rig.answerAll(batch);
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
        try (Rig rig = Rig.direct()) {
            Instance instance = Instance.create("m_0", ThreadConfinement.ANY_THREAD, own, () -> new Open(batch -> {
                seen.add(Thread.currentThread().getContextClassLoader());
                Rig.answerAll(batch);
            }));
            rig.dispatcher.add(instance);
            inferOnThisThread(rig, "a");
            inferOnThisThread(rig, "b");
        }

        assertEquals(List.of(own, own), seen);
        assertSame(before, current.getContextClassLoader());
    }

    @Test
    void aClientAnswersTheOthersOfItsBatchWhereTheInstanceHasMoreToDo() throws Exception {
        try (Rig rig = Rig.batching(2, 0, QueuePolicy.DEFAULT);
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
                EngineRequest request = rig.requests.one("r" + i, sink);
                request.lendThread();
                rig.dispatcher.submit(request);
                clients.execute(request::await);
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
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                executors.add(Thread.currentThread().getName());
                Rig.answerAll(batch);
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
        List<Thread> executed = executeWhileALentThreadIsBusy(Dispatcher.LENT_NANOS / 1000);

        assertNotSame(executed.get(0), executed.get(1));
        assertTrue(executed.get(1).isVirtual(), "the thread of the next request");
    }

    /** Returns the threads of two executions; the second request comes during the first, which takes that long. */
    private static List<Thread> executeWhileALentThreadIsBusy(long micros) throws Exception {
        List<Thread> executed = Collections.synchronizedList(new ArrayList<>());
        try (Rig rig = Rig.direct(); ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            CountDownLatch started = new CountDownLatch(1);
            CountDownLatch second = new CountDownLatch(1);
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                if (batch.requests().getFirst().id().equals("a")) {
                    started.countDown();
                    Waiting.on(second);
                }
                executed.add(Thread.currentThread());
                Rig.answerAll(batch);
            }));
            // Short enough, and then some, so that one long execution changes nothing.
            for (int i = 0; i < 3; i++) {
                inferOnThisThread(rig, "warm");
            }
            executed.clear();
            var a = clients.submit(() -> inferOnThisThread(rig, "a"));
            Waiting.on(started);
            var b = clients.submit(() -> inferOnThisThread(rig, "b"));
            Waiting.until("b has come", () -> rig.dispatcher.queueSize() == 1);
            rig.time.advanceMicros(micros);
            second.countDown();

            assertEquals(List.of("response"), a.get().events());
            assertEquals(List.of("response"), b.get().events());
        }
        return executed;
    }

    @Test
    void aLentThreadThatGoesOnLetsAnotherAnswerTheRestOfItsBatch() throws Exception {
        try (Rig rig = Rig.batching(2, 0, QueuePolicy.DEFAULT);
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
                Rig.answerAll(batch);
            }));
            inferOnThisThread(rig, "warm");
            List<Future<RecordingSink>> answers = new ArrayList<>();
            answers.add(clients.submit(() -> inferOnThisThread(rig, "first")));
            Waiting.on(started);
            for (int i = 0; i < 4; i++) {
                String id = "r" + i;
                int waiting = i + 1;
                answers.add(clients.submit(() -> inferOnThisThread(rig, id)));
                Waiting.until(id + " has come", () -> rig.dispatcher.queueSize() == waiting);
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
        try (Rig rig = Rig.direct()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            AtomicBoolean isInterrupted = new AtomicBoolean();
            RecordingSink sink = new RecordingSink();
            EngineRequest request = rig.requests.one("a", sink);
            Thread client = Thread.ofVirtual().start(() -> {
                rig.dispatcher.submit(request);
                request.await();
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
        try (Rig rig = Rig.direct()) {
            rig.add("m_0", ThreadConfinement.ANY_THREAD, new Open(batch -> {
                interrupts.add(Thread.currentThread().isInterrupted());
                Rig.answerAll(batch);
            }));
            inferOnThisThread(rig, "warm");
            Thread.currentThread().interrupt();
            inferOnThisThread(rig, "a");

            assertTrue(Thread.interrupted(), "the client still learns of it");
            assertEquals(List.of(false, false), interrupts);
        }
    }

    // Gauge

    @Test
    void thePendingGaugeCountsWhatWaitsAndReturnsToZero() {
        try (Rig rig = Rig.batching(4, 0, QueuePolicy.DEFAULT)) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            assertEquals(List.of("a"), instance.next());
            assertEquals(0, rig.statistics.pendingCount());
            RecordingSink b = rig.submit("b");
            RecordingSink c = rig.submit("c");
            assertEquals(2, rig.statistics.pendingCount());

            instance.let(2);
            a.await();
            b.await();
            c.await();
            assertEquals(0, rig.statistics.pendingCount());
        }
    }

    private static RecordingSink inferOnThisThread(Rig rig, String id) {
        RecordingSink sink = new RecordingSink();
        EngineRequest request = rig.requests.one(id, sink);
        request.lendThread();
        rig.dispatcher.submit(request);
        request.await();
        return sink;
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void sneak(Throwable error) throws E {
        throw (E) error;
    }
}
