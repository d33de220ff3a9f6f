package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCallListener;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.EngineOptions.LimitOptions;
import dev.nereid.engine.Response;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.SingleResponse;
import dev.nereid.engine.trace.RequestTrace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Models that call decoupled ones: 'caller' calls 'stream', which answers as the test says. */
class StreamedCallTest extends EngineTesting {
    private static final String DECOUPLED = EngineFixture.GROUP_OF_ONE
            + " model_transaction_policy { decoupled: true }";

    private final Map<String, ModelCalls> calls = new ConcurrentHashMap<>();
    /** What the model 'stream' does with a request. */
    private volatile Consumer<InferenceRequest> streaming = request -> answer(request, 3);
    /** What the model 'caller' gets the answers with. */
    private volatile ModelCallListener listener = result -> {
        collect(result);
        return true;
    };
    /** The model that 'caller' calls. */
    private volatile String called = "stream";
    private final List<String> results = new ArrayList<>();
    private final AtomicReference<Throwable> thrown = new AtomicReference<>();
    private final AtomicBoolean sawCancelled = new AtomicBoolean();
    private final AtomicReference<Thread> calling = new AtomicReference<>();
    private EngineFixture fixture;
    private @Nullable Engine started;

    @BeforeEach
    void models() {
        backend.onCreateModel(context -> calls.put(context.name(), context.models())).onExecute(this::execute);
        fixture = fixture().model("caller", 1).model("stream", DECOUPLED, 1).model("plain", 1);
    }

    /** Requests for 'caller' have the parameter 'call'; what it sends on has not. */
    private void execute(Batch batch) {
        InferenceRequest request = batch.requests().getFirst();
        if (request.parameters().containsKey("plain")) {
            FakeBackend.echo(batch);
        } else if (request.parameters().containsKey("call")) {
            calling.set(Thread.currentThread());
            try {
                call("caller", request);
            } catch (RuntimeException | Error e) {
                thrown.set(e);
            }
            FakeBackend.echo(batch);
        } else {
            streaming.accept(request);
        }
    }

    private void call(String caller, InferenceRequest request) {
        ModelCall call = ModelCall.of(called, request.inputs().getFirst()).onBehalfOf(request);
        if (called.equals("plain")) {
            call = call.withParameter("plain", Parameter.of(true));
        }
        callsOf(caller).infer(call, listener);
    }

    private void collect(InferenceResult result) {
        try (result) {
            results.add(new String(result.output("OUTPUT0").orElseThrow().data().toArray(ValueLayout.JAVA_BYTE),
                    StandardCharsets.UTF_8));
        }
    }

    private static void answer(InferenceRequest request, int count) {
        for (int i = 0; i < count; i++) {
            send(request, "a" + i);
        }
        request.complete();
    }

    private static void send(InferenceRequest request, String text) {
        InferenceResponse response = request.newResponse();
        response.copyOutput("OUTPUT0", DataType.UINT8, Shape.of(1, text.length()),
                MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8)));
        response.sendPartial();
    }

    /** Answers until nobody wants to know any more, which the test fails to see after 30 s. */
    private void answerUntilCancelled(InferenceRequest request) {
        send(request, "first");
        EngineFixture.until("the call is cancelled", request::isCancelled);
        sawCancelled.set(true);
        send(request, "late");
        request.fail(new InferenceException(StatusCode.CANCELLED, "nobody waits"));
    }

    private static RequestData request() {
        InputData input = new InputData("INPUT0", Optional.of(DataType.UINT8), new long[]{1, 4},
                MemorySegment.ofArray(new byte[]{1, 2, 3, 4}));
        return new RequestData("r", Map.of("call", Parameter.of(true)), CorrelationId.NONE, false, false, 0, 0,
                List.of(input), List.of(), false);
    }

    /** Has 'caller' executed, and checks that nothing of it is left. */
    private void run() {
        start();
        infer();
        assertEquals(0, engine().buffers().inUseBytes());
    }

    private void start() {
        Engine engine = fixture.start();
        started = engine;
        for (String model : List.of("caller", "stream", "plain")) {
            engine.load(model, LoadOverride.NONE);
        }
    }

    private Engine engine() {
        return Objects.requireNonNull(started);
    }

    private ModelCalls callsOf(String model) {
        return Objects.requireNonNull(calls.get(model));
    }

    private void infer() {
        Engine engine = engine();
        try (BufferScope scope = new BufferScope(engine.buffers());
                Response answer = engine.infer(engine.lookup("caller", OptionalLong.empty()), request(), scope,
                        InferenceClient.PATIENT)) {
            assertEquals(1, answer.outputs().size());
        }
    }

    private InferenceException failure() {
        return assertInstanceOf(InferenceException.class, thrown.get());
    }

    @Test
    void handsOnAnswersAsTheyComeAndOnTheCallingThread() {
        CountDownLatch firstArrived = new CountDownLatch(1);
        List<Thread> threads = new ArrayList<>();
        streaming = request -> {
            send(request, "a");
            EngineFixture.await(firstArrived);
            send(request, "b");
            request.complete();
        };
        listener = result -> {
            collect(result);
            threads.add(Thread.currentThread());
            firstArrived.countDown();
            return true;
        };

        run();

        assertEquals(List.of("a", "b"), results);
        assertEquals(List.of(calling.get(), calling.get()), threads);
        assertNull(thrown.get());
    }

    @Test
    void callsModelsThatAnswerOnceAndModelsThatDoNotAnswer() {
        called = "plain";
        run();
        assertEquals(1, results.size());

        called = "stream";
        streaming = InferenceRequest::complete;
        results.clear();
        infer();
        assertEquals(List.of(), results);
        assertNull(thrown.get());
    }

    @Test
    void tellsAnErrorAfterTheAnswersBeforeIt() {
        streaming = request -> {
            send(request, "a");
            request.fail(InferenceException.invalid("no more"));
        };

        run();

        assertEquals(List.of("a"), results);
        assertEquals(StatusCode.INVALID_ARG, failure().code());
        assertEquals("no more", failure().getMessage());
    }

    @Test
    void takesAnswersThatComeAfterTheExecution() {
        CountDownLatch isLeft = new CountDownLatch(1);
        streaming = request -> {
            request.answerLater();
            Thread.ofVirtual().start(() -> {
                EngineFixture.await(isLeft);
                answer(request, 100);
            });
            isLeft.countDown();
        };

        run();

        assertEquals(100, results.size());
        assertEquals("a99", results.getLast());
    }

    @Test
    void cancelsWhatItsListenerWantsNoMoreOf() {
        streaming = this::answerUntilCancelled;
        listener = result -> {
            collect(result);
            return false;
        };

        run();

        assertEquals(List.of("first"), results);
        assertTrue(sawCancelled.get());
        assertNull(thrown.get());
    }

    @Test
    void cancelsWhatItsListenerFailsToTake() {
        IllegalStateException failure = new IllegalStateException("the listener failed");
        streaming = this::answerUntilCancelled;
        listener = result -> {
            result.close();
            throw failure;
        };

        run();

        assertTrue(sawCancelled.get());
        assertSame(failure, thrown.get());
    }

    @Test
    void endsWithTheClientsThatItIsMadeFor() {
        CountDownLatch firstArrived = new CountDownLatch(1);
        streaming = this::answerUntilCancelled;
        listener = result -> {
            collect(result);
            firstArrived.countDown();
            return true;
        };
        start();
        SingleResponse answer = new SingleResponse();
        Engine engine = engine();
        try (BufferScope scope = new BufferScope(engine.buffers())) {
            var ticket = engine.submit(engine.lookup("caller", OptionalLong.empty()), request(), scope, answer,
                    RequestTrace.OFF);
            EngineFixture.await(firstArrived);

            ticket.cancel();

            answer.await();
            answer.get().close();
        }
        assertEquals(List.of("first"), results);
        assertTrue(sawCancelled.get());
        assertEquals(StatusCode.CANCELLED, failure().code());
        assertEquals("the call of model 'stream' was cancelled", failure().getMessage());
        assertEquals(0, engine().buffers().inUseBytes());
    }

    @Test
    void refusesToWaitForItself() {
        called = "caller";
        run();
        assertEquals(StatusCode.UNSUPPORTED, failure().code());
        assertEquals("model 'caller' can't call model 'caller': they would wait for each other (caller -> caller)",
                failure().getMessage());
    }

    @Test
    void refusesACircleAlsoWhereTheOtherModelStreams() {
        AtomicReference<InferenceException> refusal = new AtomicReference<>();
        streaming = request -> {
            ModelCall back = ModelCall.of("caller", request.inputs().getFirst());
            refusal.set(assertThrows(InferenceException.class,
                    () -> callsOf("stream").infer(back, result -> true)));
            request.complete();
        };

        run();

        InferenceException failure = refusal.get();
        assertNotNull(failure);
        assertEquals("model 'stream' can't call model 'caller': they would wait for each other "
                + "(stream -> caller -> stream)", failure.getMessage());
        assertNull(thrown.get());
    }

    @Test
    void waitsForNothingOnceItHasEnded() {
        streaming = request -> request.fail(InferenceException.invalid("no"));
        run();
        AtomicReference<Throwable> second = new AtomicReference<>();
        called = "stream";
        streaming = request -> {
            try {
                callsOf("stream").infer(ModelCall.of("plain", request.inputs().getFirst()).withParameter("plain",
                        Parameter.of(true)), result -> {
                            collect(result);
                            return true;
                        });
            } catch (RuntimeException e) {
                second.set(e);
            }
            request.complete();
        };
        thrown.set(null);
        infer();

        assertNull(second.get());
        assertEquals(1, results.size());
    }

    @Test
    void letsAnswersBeKept() {
        List<InferenceResult> kept = new ArrayList<>();
        listener = kept::add;
        start();

        infer();

        assertEquals(3, kept.size());
        assertTrue(engine().buffers().inUseBytes() > 0);
        kept.forEach(this::collect);
        assertEquals(List.of("a0", "a1", "a2"), results);
        assertEquals(0, engine().buffers().inUseBytes());
    }

    @Test
    void endsWhatLeavesTooMuchUnread() {
        List<InferenceResult> kept = new ArrayList<>();
        listener = kept::add;
        streaming = request -> {
            for (int i = 0; i < 1000 && !request.isCancelled(); i++) {
                send(request, "a" + i);
            }
            request.complete();
        };
        fixture.limits(LimitOptions.DEFAULT.withMaxResponseBytes(10_000));

        start();
        infer();

        assertTrue(kept.size() < 30, kept.size() + " answers");
        assertEquals(StatusCode.UNAVAILABLE, failure().code());
        assertTrue(failure().getMessage().startsWith("the responses to the request were read too slowly: "),
                failure().getMessage());
        kept.forEach(InferenceResult::close);
        assertEquals(0, engine().buffers().inUseBytes());
    }

    @Test
    void anInterruptDoesNotEndTheWait() {
        listener = result -> {
            collect(result);
            Thread.currentThread().interrupt();
            return true;
        };
        AtomicBoolean wasInterrupted = new AtomicBoolean();
        backend.onExecute(batch -> {
            execute(batch);
            if (batch.requests().getFirst().parameters().containsKey("call")) {
                wasInterrupted.set(Thread.interrupted());
            }
        });

        run();

        assertEquals(List.of("a0", "a1", "a2"), results);
        assertTrue(wasInterrupted.get());
    }

    @Test
    void aDecoupledModelIsNotCalledForOneAnswer() {
        AtomicReference<InferenceException> refusal = new AtomicReference<>();
        start();
        listener = result -> true;
        streaming = request -> request.complete();
        called = "plain";
        backend.onExecute(batch -> {
            InferenceRequest request = batch.requests().getFirst();
            refusal.set(assertThrows(InferenceException.class, () -> callsOf("caller")
                    .infer(ModelCall.of("stream", request.inputs().getFirst()))));
            FakeBackend.echo(batch);
        });

        infer();

        InferenceException failure = refusal.get();
        assertNotNull(failure);
        assertEquals(StatusCode.UNSUPPORTED, failure.code());
        assertEquals(
                "model 'stream' is decoupled: it may answer any number of times; call it with a listener, or another "
                        + "model",
                failure.getMessage());
    }
}
