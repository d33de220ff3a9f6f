package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.SchedulerFixture.Gated;
import dev.nereid.engine.schedule.SchedulerFixture.Open;
import dev.nereid.engine.stats.FailureReason;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests with any number of answers, also after their execution. */
@Timeout(60)
class DecoupledTest {

    private final SchedulerFixture rig = SchedulerFixture.direct();
    /** What executions have left to be answered later. */
    private final LinkedBlockingQueue<InferenceRequest> left = new LinkedBlockingQueue<>();

    @BeforeEach
    void askForAnyNumberOfAnswers() {
        rig.requests.decoupled();
    }

    @AfterEach
    void nothingIsLeft() {
        rig.close();
        assertEquals(0, rig.pool.inUseBytes());
        assertEquals(0, rig.scheduler.inFlight());
        assertEquals(0, rig.statistics.pendingCount());
    }

    private static InferenceResponse response(InferenceRequest request, int bytes) {
        InferenceResponse response = request.newResponse();
        MemorySegment ignored = response.addOutput("OUTPUT0", DataType.UINT8, Shape.of(bytes), bytes);
        return response;
    }

    private static void stream(InferenceRequest request, int answers) {
        for (int i = 0; i < answers; i++) {
            response(request, 4).sendPartial();
        }
        request.complete();
    }

    private void leave(Batch batch) {
        batch.requests().forEach(InferenceRequest::answerLater);
        left.addAll(batch.requests());
    }

    private InferenceRequest nextLeft() {
        try {
            InferenceRequest request = left.poll(30, TimeUnit.SECONDS);
            if (request == null) {
                throw new AssertionError("no execution left a request");
            }
            return request;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Waits until an execution has returned and the instance has none. */
    private void untilLate(int executions) {
        Waiting.until("the executions return", () -> rig.statistics.executionCount() == executions);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 10_000})
    void allAnswersReachTheListenerInOrderThenTheEnd(int answers) {
        rig.add("m_0", new Open(batch -> batch.requests().forEach(request -> stream(request, answers))));

        RecordingSink sink = rig.submit("a").await();

        List<String> expected = new ArrayList<>(Collections.nCopies(answers, "partial"));
        expected.add("end");
        assertEquals(expected, sink.events());
        assertEquals(1, rig.statistics.success().count());
    }

    @Test
    void theLastAnswerMayBeTheEnd() {
        rig.add("m_0", new Open(batch -> {
            InferenceRequest request = batch.requests().getFirst();
            response(request, 4).sendPartial();
            response(request, 4).send();
        }));

        assertEquals(List.of("partial", "response"), rig.submit("a").await().events());
    }

    @Test
    void anErrorEndsAStream() {
        rig.add("m_0", new Open(batch -> {
            InferenceRequest request = batch.requests().getFirst();
            response(request, 4).sendPartial();
            request.fail(InferenceException.internal("out of words"));
        }));

        assertEquals(List.of("partial", "failure INTERNAL"), rig.submit("a").await().events());
        assertEquals(1, rig.statistics.failures(FailureReason.BACKEND).count());
    }

    @Test
    void anInstanceTakesItsNextBatchWhileAnswersAreToCome() {
        Open instance = new Open(this::leave);
        rig.add("m_0", instance);
        RecordingSink a = rig.submit("a");
        InferenceRequest first = nextLeft();
        RecordingSink b = rig.submit("b");
        InferenceRequest second = nextLeft();
        untilLate(2);

        stream(second, 1);
        assertEquals(List.of("partial", "end"), b.await().events());
        assertFalse(a.isDone());
        assertEquals(1, rig.scheduler.inFlight());
        stream(first, 2);
        assertEquals(List.of("partial", "partial", "end"), a.await().events());
        assertEquals(2, rig.statistics.success().count());
    }

    @Test
    void aModelThatIsNotDecoupledMayAnswerLaterToo() {
        try (SchedulerFixture plain = SchedulerFixture.direct()) {
            plain.add("m_0", new Open(this::leave));
            RecordingSink a = plain.submit("a");

            SchedulerFixture.answer(nextLeft());

            assertEquals(List.of("response"), a.await().events());
        }
    }

    @Test
    void whatAnExecutionThrowsDoesNotAnswerARequestThatIsAnsweredLater() {
        rig.add("m_0", new Open(batch -> {
            leave(batch);
            throw new IllegalStateException("after it");
        }));
        RecordingSink a = rig.submit("a");

        stream(nextLeft(), 1);

        assertEquals(List.of("partial", "end"), a.await().events());
    }

    /** Takes responses and closes none. */
    private static final class Hoarder implements ResponseListener {
        private final List<Response> kept = Collections.synchronizedList(new ArrayList<>());
        private final RecordingSink ending = new RecordingSink();

        @Override
        public void response(Response response, boolean isLast) {
            kept.add(response);
        }

        @Override
        public void end(@Nullable InferenceException error) {
            ending.end(error);
        }
    }

    @Test
    void aListenerThatIsTooSlowLosesItsRequestAndHoldsUpNoOther() {
        rig.add("m_0", new Open(batch -> {
            InferenceRequest request = batch.requests().getFirst();
            if (!request.id().equals("slow")) {
                stream(request, 1);
                return;
            }
            leave(batch);
        }));
        Hoarder slow = new Hoarder();
        rig.scheduler.submit(rig.requests.one("slow", slow));
        InferenceRequest request = nextLeft();
        untilLate(1);

        while (!request.isCancelled()) {
            response(request, 100_000).sendPartial();
            assertEquals(List.of("partial", "end"), rig.submit("other").await().events());
        }
        response(request, 4).sendPartial();
        request.complete();

        InferenceException error = slow.ending.await().error();
        assertEquals(StatusCode.UNAVAILABLE, error.code());
        assertTrue(
                error.getMessage().matches("the responses to the request were read too slowly: \\d+ bytes wait to be "
                        + "read, 1048576 may; read faster, or have the model answer with less"),
                error.getMessage());
        assertEquals(10, slow.kept.size(), "as many as fit into the bound");
        assertEquals(11, ((ActiveRequest) request).responseCount(),
                "what came after the cut is not counted");
        assertEquals(1, rig.statistics.failures(FailureReason.OTHER).count());
        slow.kept.forEach(Response::close);
    }

    @Test
    void aSingleAnswerMayBeLargerThanTheBound() {
        rig.add("m_0", new Open(batch -> batch.requests().forEach(request -> {
            response(request, 2 << 20).sendPartial();
            response(request, 2 << 20).sendPartial();
            request.complete();
        })));

        assertEquals(List.of("partial", "partial", "end"), rig.submit("a").await().events());
    }

    @Test
    void aStopWaitsForAnswersThatAreToCome() throws Exception {
        rig.add("m_0", new Open(this::leave));
        RecordingSink a = rig.submit("a");
        InferenceRequest request = nextLeft();
        FutureTask<List<Instance>> stop = new FutureTask<>(rig.scheduler::stopInstances);
        Thread stopper = Thread.ofPlatform().start(stop);
        Waiting.until("the stop waits", () -> stopper.getState() == Thread.State.WAITING);

        response(request, 4).sendPartial();
        assertFalse(stop.isDone());
        request.complete();

        stop.get().forEach(Instance::close);
        assertEquals(List.of("partial", "end"), a.events());
    }

    @Test
    void anInstanceIsNotClosedBeforeWhatItExecutedIsAnswered() throws Exception {
        Instance instance = rig.add("m_0", new Open(this::leave));
        RecordingSink a = rig.submit("a");
        InferenceRequest request = nextLeft();
        untilLate(1);
        FutureTask<Boolean> removal = new FutureTask<>(() -> rig.scheduler.remove(instance));
        Thread remover = Thread.ofPlatform().start(removal);
        Waiting.until("the removal waits", () -> remover.getState() == Thread.State.WAITING);

        stream(request, 1);

        assertTrue(removal.get());
        instance.close();
        a.await();
    }

    @Test
    void withoutMoreTimeRequestsEndWithAnErrorAndTheirBackendIsTold() {
        rig.add("m_0", new Open(this::leave));
        RecordingSink a = rig.submit("a");
        InferenceRequest request = nextLeft();
        untilLate(1);
        InferenceResponse begun = response(request, 4);

        rig.scheduler.endLate(enough());

        assertEquals(List.of("failure UNAVAILABLE"), a.await().events());
        assertEquals("no more time", a.error().getMessage());
        assertTrue(request.isCancelled());
        // What the backend still does reaches nobody, and harms nobody.
        begun.sendPartial();
        response(request, 4).sendPartial();
        InferenceResponse unsent = response(request, 4);
        assertNotSame(begun, unsent);
        request.complete();
        request.fail(InferenceException.internal("too late"));
        assertEquals(List.of("failure UNAVAILABLE"), a.events());
        assertEquals(1, rig.statistics.failures(FailureReason.OTHER).count());
    }

    @Test
    void withoutMoreTimeRequestsThatBecomeLateEndAtOnce() {
        Gated instance = new Gated(this::leave);
        rig.add("m_0", instance);
        RecordingSink a = rig.submit("a");
        assertEquals(List.of("a"), instance.next());

        rig.scheduler.endLate(enough());
        assertFalse(a.isDone());
        instance.let(1);

        assertEquals(List.of("failure UNAVAILABLE"), a.await().events());
    }

    @Test
    void ofTwoThreadsThatAnswerOneIsRefused() throws Exception {
        rig.add("m_0", new Open(this::leave));
        for (int round = 1; round <= 500; round++) {
            RecordingSink sink = rig.submit("a");
            InferenceRequest request = nextLeft();
            untilLate(round);
            CyclicBarrier together = new CyclicBarrier(2);
            AtomicInteger refused = new AtomicInteger();
            Runnable answering = () -> {
                try {
                    together.await();
                    request.complete();
                } catch (IllegalStateException e) {
                    refused.incrementAndGet();
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            };
            Thread other = Thread.ofPlatform().start(answering);
            answering.run();
            other.join();

            assertEquals(List.of("end"), sink.await().events());
            assertEquals(1, refused.get());
        }
    }

    @Test
    void afterTheEndEverythingIsRefused() {
        rig.add("m_0", new Open(this::leave));
        RecordingSink a = rig.submit("a");
        InferenceRequest request = nextLeft();
        InferenceResponse begun = response(request, 4);
        stream(request, 1);
        a.await();

        for (Runnable late : List.<Runnable>of(begun::send, begun::sendPartial, request::complete, request::newResponse,
                request::answerLater, () -> request.fail(enough()))) {
            assertThrows(IllegalStateException.class, late::run);
        }
        assertEquals(List.of("partial", "end"), a.events());
    }

    @Test
    void aCancelledRequestThatWaitsEndsAndOneThatIsAnsweredLaterIsTold() {
        rig.add("m_0", new Open(this::leave));
        RecordingSink told = new RecordingSink();
        ActiveRequest running = rig.requests.one("running", told);
        rig.scheduler.submit(running);
        InferenceRequest request = nextLeft();

        running.cancel();
        assertTrue(request.isCancelled());
        assertFalse(told.isDone(), "the backend ends it");
        request.fail(new InferenceException(StatusCode.CANCELLED, ""));

        assertEquals(List.of("failure CANCELLED"), told.await().events());
        assertEquals(1, rig.statistics.failures(FailureReason.CANCELED).count());
    }

    /** Notes calls that overlap, or come after the end. */
    private static final class Strict implements ResponseListener {
        private final AtomicBoolean isBusy = new AtomicBoolean();
        private final AtomicInteger violations;
        private final CountDownLatch done = new CountDownLatch(1);

        Strict(AtomicInteger violations) {
            this.violations = violations;
        }

        private void enter() {
            if (!isBusy.compareAndSet(false, true) || done.getCount() == 0) {
                violations.incrementAndGet();
            }
            LockSupport.parkNanos(1);
        }

        @Override
        public void response(Response response, boolean isLast) {
            enter();
            response.close();
            isBusy.set(false);
        }

        @Override
        public void end(@Nullable InferenceException error) {
            enter();
            isBusy.set(false);
            done.countDown();
        }
    }

    @Test
    void aListenerIsCalledByOneAtATimeAlsoWhereTheEngineEndsTheRequest() throws Exception {
        AtomicInteger violations = new AtomicInteger();
        for (int round = 0; round < 300; round++) {
            SchedulerFixture each = SchedulerFixture.direct();
            each.requests.decoupled();
            each.add("m_0", new Open(this::leave));
            Strict listener = new Strict(violations);
            each.scheduler.submit(each.requests.one("a", listener));
            InferenceRequest request = nextLeft();
            Thread backend = Thread.ofPlatform().start(() -> {
                while (!request.isCancelled()) {
                    response(request, 4).sendPartial();
                }
                request.complete();
            });
            Waiting.until("it is late", () -> each.statistics.executionCount() == 1);

            each.scheduler.endLate(enough());

            Waiting.on(listener.done);
            backend.join();
            each.close();
            assertEquals(0, each.pool.inUseBytes());
        }
        assertEquals(0, violations.get());
    }

    private static InferenceException enough() {
        return InferenceException.unavailable("no more time");
    }
}
