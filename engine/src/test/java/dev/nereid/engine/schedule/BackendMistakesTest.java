package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.instance.BatchExecution;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.StateSink;
import dev.nereid.engine.schedule.SchedulerFixture.Open;
import dev.nereid.engine.stats.FailureReason;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whatever a backend does with its requests, each is answered once, and no memory is lost. */
@Timeout(60)
class BackendMistakesTest {
    @Test
    void aThrowAnswersAllUnansweredRequestsAndLeavesTheInstanceInUse() {
        AtomicReference<Throwable> toThrow = new AtomicReference<>(new IllegalStateException("secret detail"));
        try (SchedulerFixture rig = SchedulerFixture.batching(2, 1_000_000, QueuePolicy.DEFAULT)) {
            rig.add("m_0", new Open(batch -> {
                SchedulerFixture.answer(batch.requests().getFirst());
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
    void aFailureThatRepeatsIsToldOnce() {
        AtomicReference<RuntimeException> toThrow = new AtomicReference<>(
                InferenceException.internal("the library is broken"));
        List<LogRecord> told = new CopyOnWriteArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord record) {
                told.add(record);
            }

            @Override
            public void flush() {
            }

            @Override
            public void close() {
            }
        };
        Logger logger = Logger.getLogger(BatchExecution.class.getName());
        logger.addHandler(handler);
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                if (batch.requests().getFirst().id().equals("failed")) {
                    batch.requests().getFirst().fail(InferenceException.internal("no memory"));
                    return;
                }
                throw Objects.requireNonNull(toThrow.get());
            }));
            for (int i = 0; i < 3; i++) {
                assertEquals("the library is broken", rig.submit("a").await().error().getMessage());
            }
            for (int i = 0; i < 2; i++) {
                assertEquals("no memory", rig.submit("failed").await().error().getMessage());
            }
            toThrow.set(InferenceException.invalid("the client is wrong"));
            assertEquals("the client is wrong", rig.submit("b").await().error().getMessage());
            toThrow.set(new IllegalStateException("a mistake"));
            for (int i = 0; i < 2; i++) {
                assertEquals(StatusCode.INTERNAL, rig.submit("c").await().error().code());
            }
        } finally {
            logger.removeHandler(handler);
        }

        assertEquals(List.of(
                "WARNING model 'm', instance 'm_0': execution failed, the library is broken",
                "WARNING model 'm', instance 'm_0': execution failed, no memory",
                "SEVERE model 'm', instance 'm_0': execution failed, a mistake"),
                told.stream().map(record -> record.getLevel() + " " + record.getMessage() + ", "
                        + Objects.requireNonNull(record.getThrown()).getMessage()).toList());
    }

    @Test
    void aBatchAboveTheLimitReachesNoBackend() {
        Open backend = new Open();
        try (SchedulerFixture rig = new SchedulerFixture(new DirectQueue(100), 2, false, null)) {
            rig.add("m_0", backend);
            RecordingSink largest = new RecordingSink();
            RecordingSink larger = new RecordingSink();
            rig.scheduler.submit(rig.requests.id("a").rows(2).to(largest).build());
            rig.scheduler.submit(rig.requests.id("b").rows(3).to(larger).build());

            assertEquals(List.of("response"), largest.await().events());
            InferenceException failure = larger.await().error();
            assertEquals(StatusCode.INTERNAL, failure.code());
            assertEquals("batch size 3 for 'm', max allowed is 2", failure.getMessage());
            assertEquals(List.of(List.of("a")), backend.batches());
        }
    }

    @Test
    void theErrorThatABackendThrowsReachesTheClient() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
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
        try (SchedulerFixture rig = SchedulerFixture.batching(2, 1_000_000, QueuePolicy.DEFAULT)) {
            rig.add("m_0", new Open(batch -> {
                batch.requests().getFirst().fail(InferenceException.invalid("no"));
                SchedulerFixture.answer(batch.requests().getLast());
            }));
            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");

            assertEquals("no", a.await().error().getMessage());
            assertEquals(List.of("response"), b.await().events());
        }
    }

    @Test
    void aRequestThatTheBackendForgetsIsAnsweredWithAnError() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
            }));

            assertEquals("model 'm' did not answer the request", rig.submit("a").await().error().getMessage());
        }
    }

    @Test
    void aSecondAnswerIsRefusedAndTheFirstOneCounts() {
        AtomicInteger refusals = new AtomicInteger();
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceRequest request = batch.requests().getFirst();
                SchedulerFixture.answer(request);
                assertTrue(request.isAnswered());
                for (Runnable second : List.<Runnable>of(() -> SchedulerFixture.answer(request), request::complete,
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
    void aBackendThatWritesLessThanItAskedForPassesOnNothingOfOthers() {
        AtomicInteger requests = new AtomicInteger();
        List<byte[]> got = new CopyOnWriteArrayList<>();
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceResponse response = batch.requests().getFirst().newResponse();
                MemorySegment memory = response.addOutput("OUTPUT0", DataType.UINT8, Shape.of(4), 4);
                if (requests.getAndIncrement() == 0) {
                    memory.fill((byte) 7);
                }
                response.send();
            }));
            for (String id : List.of("secret", "curious")) {
                rig.scheduler.submit(rig.requests.one(id, new ResponseListener() {
                    @Override
                    public void response(Response response, boolean isLast) {
                        got.add(response.outputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE));
                        response.close();
                    }

                    @Override
                    public void end(@Nullable InferenceException error) {
                    }
                }));
                int expected = id.equals("secret") ? 1 : 2;
                Waiting.until("it is answered", () -> got.size() == expected);
            }
        }
        assertArrayEquals(new byte[]{7, 7, 7, 7}, got.getFirst());
        assertArrayEquals(new byte[4], got.getLast());
    }

    @Test
    void ofStatesOfWhichOneCannotBeKeptTheOthersAreReleased() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceResponse response = batch.requests().getFirst().newResponse();
                for (String name : List.of("STATE0", "STATE1", "STATE2")) {
                    MemorySegment ignored = response.addOutput(name, DataType.UINT8, Shape.of(4), 4);
                }
                response.send();
            }));
            RecordingSink sink = new RecordingSink();
            ActiveRequest request = rig.requests.one("a", sink);
            request.overlay(List.of(), new StateSink() {
                @Override
                public boolean takes(String output) {
                    return output.startsWith("STATE");
                }

                @Override
                public void store(Tensor output, Runnable release) {
                    release.run();
                    throw InferenceException.invalid("state '" + output.name() + "' is too large");
                }
            });
            rig.scheduler.submit(request);

            assertEquals("state 'STATE0' is too large", sink.await().error().getMessage());
            assertEquals(0, rig.pool.inUseBytes());
        }
    }

    @Test
    void memoryOfResponsesThatAreNeverSentIsReleased() {
        AtomicInteger released = new AtomicInteger();
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceResponse unsent = batch.requests().getFirst().newResponse();
                MemorySegment ignored = unsent.addOutput("OUTPUT0", DataType.UINT8, Shape.of(4), 4);
                unsent.addOutput("OUTPUT1", DataType.UINT8, Shape.of(1), MemorySegment.ofArray(new byte[1]),
                        released::incrementAndGet);
                SchedulerFixture.answer(batch.requests().getFirst());
            }));

            rig.submit("a").await();

            Waiting.until("everything is given back", () -> rig.pool.inUseBytes() == 0);
            assertEquals(1, released.get());
        }
    }

    @Test
    void ofSeveralOpenResponsesAllAreReleasedOnceWhicheverIsSent() {
        for (int sent = 0; sent < 3; sent++) {
            int chosen = sent;
            AtomicIntegerArray released = new AtomicIntegerArray(3);
            try (SchedulerFixture rig = SchedulerFixture.direct()) {
                rig.add("m_0", new Open(batch -> {
                    List<InferenceResponse> open = new ArrayList<>();
                    for (int i = 0; i < 3; i++) {
                        int number = i;
                        InferenceResponse response = batch.requests().getFirst().newResponse();
                        for (int output = 0; output < 3; output++) {
                            MemorySegment ignored = response.addOutput("OWN" + output, DataType.UINT8, Shape.of(4), 4);
                            response.addOutput("OUTPUT" + output, DataType.UINT8, Shape.of(1),
                                    MemorySegment.ofArray(new byte[1]), () -> released.incrementAndGet(number));
                        }
                        open.add(response);
                    }
                    open.get(chosen).send();
                }));

                assertEquals(List.of("response"), rig.submit("a").await().events());

                Waiting.until("everything is given back", () -> rig.pool.inUseBytes() == 0);
                assertEquals("[3, 3, 3]", released.toString());
            }
        }
    }

    @Test
    void memoryOfAResponseThatDoesNotFitTheConfigurationIsReleased() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
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
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceResponse unsent = batch.requests().getFirst().newResponse();
                unsent.addOutput("A", DataType.UINT8, Shape.of(1), MemorySegment.ofArray(new byte[1]), () -> {
                    throw new IllegalStateException("double free");
                });
                MemorySegment ignored = unsent.addOutput("B", DataType.UINT8, Shape.of(4), 4);
                SchedulerFixture.answer(batch.requests().getFirst());
            }));

            assertEquals(List.of("response"), rig.submit("a").await().events());
            assertEquals(List.of("response"), rig.submit("b").await().events());
            Waiting.until("everything is given back", () -> rig.pool.inUseBytes() == 0);
        }
    }

    @Test
    void partialResponsesLeaveAtOnce() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
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
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open(batch -> {
                InferenceRequest request = batch.requests().getFirst();
                codes.add(assertThrows(InferenceException.class, () -> request.newResponse().sendPartial()).code());
                codes.add(assertThrows(InferenceException.class, request::complete).code());
                SchedulerFixture.answer(request);
            }));

            assertEquals(List.of("response"), rig.submit("a").await().events());
            assertEquals(List.of(StatusCode.UNSUPPORTED, StatusCode.UNSUPPORTED), codes);
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void sneak(Throwable error) throws E {
        throw (E) error;
    }
}
