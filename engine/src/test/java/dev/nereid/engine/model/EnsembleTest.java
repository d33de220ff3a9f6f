package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.trace.RequestTrace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Ensembles of fake models, which add one to each byte unless a test says otherwise. */
@Timeout(60)
class EnsembleTest {
    private static final byte[] SENT = {1, 2, 3, 4};

    @TempDir
    private Path directory;

    private @Nullable EngineFixture opened;
    private @Nullable FakeBackend backend;

    private EngineFixture fixture() {
        return fixture(EnsembleTest::addOne);
    }

    private EngineFixture fixture(Consumer<Batch> onExecute) {
        backend = new FakeBackend("fake").onExecute(onExecute);
        opened = new EngineFixture(directory, backend);
        return opened;
    }

    @AfterEach
    void nothingIsLeft() {
        if (opened != null && backend != null) {
            opened.close();
            assertEquals(List.of(), backend.violations());
        }
    }

    /** Returns the name of the model whose instance the current thread belongs to. */
    private static String model() {
        String instance = Thread.currentThread().getName();
        return instance.substring(0, instance.length() - "_0_0".length());
    }

    private static void addOne(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            InferenceResponse response = request.newResponse();
            for (Tensor input : request.inputs()) {
                byte[] bytes = input.data().toArray(ValueLayout.JAVA_BYTE);
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i]++;
                }
                response.addOutput(input.name().replace("INPUT", "OUTPUT"), input.dataType(), input.shape(),
                        bytes.length).copyFrom(MemorySegment.ofArray(bytes));
            }
            response.send();
        }
    }

    private static String step(String model, String input, String output) {
        return step(model, Map.of("INPUT0", input), Map.of("OUTPUT0", output));
    }

    private static String step(String model, Map<String, String> inputs, Map<String, String> outputs) {
        StringBuilder text = new StringBuilder("step { model_name: \"" + model + "\" model_version: -1");
        inputs.forEach((key, value) -> text.append(" input_map { key: \"").append(key).append("\" value: \"")
                .append(value).append("\" }"));
        outputs.forEach((key, value) -> text.append(" output_map { key: \"").append(key).append("\" value: \"")
                .append(value).append("\" }"));
        return text.append(" }\n").toString();
    }

    private static void ensemble(EngineFixture fixture, String name, String steps, String... outputs) {
        ensemble(fixture, name, 4, "", steps, outputs);
    }

    private static void ensemble(EngineFixture fixture, String name, int maxBatchSize, String inScheduling,
            String steps,
            String... outputs) {
        StringBuilder text = new StringBuilder("platform: \"ensemble\"\nmax_batch_size: " + maxBatchSize + "\n"
                + "input { name: \"INPUT0\" data_type: TYPE_UINT8 dims: [ 4 ] }\n");
        for (String output : outputs) {
            text.append("output { name: \"").append(output).append("\" data_type: TYPE_UINT8 dims: [ ")
                    .append(output.equals("PART") ? 1 : 4).append(" ] }\n");
        }
        fixture.write(name + "/config.pbtxt", text + "ensemble_scheduling {\n" + inScheduling + steps + "}\n");
        fixture.write(name + "/1/empty", "");
    }

    private static RequestData request(List<String> outputs, byte... bytes) {
        InputData input = new InputData("INPUT0", Optional.of(DataType.UINT8), new long[]{1, bytes.length},
                MemorySegment.ofArray(bytes));
        return new RequestData("r", Map.of(), CorrelationId.NONE, false, false, 0, 0, List.of(input), outputs, false);
    }

    private static Map<String, byte[]> infer(Engine engine, String model, String... outputs) {
        return infer(engine, model, request(List.of(outputs), SENT));
    }

    private static Map<String, byte[]> infer(Engine engine, String model, RequestData data) {
        Map<String, byte[]> got = new TreeMap<>();
        try (BufferScope scope = new BufferScope(engine.buffers());
                Response response = engine.onVersion(model, OptionalLong.empty(),
                        served -> engine.infer(served, data, scope, InferenceClient.PATIENT))) {
            response.outputs().forEach(each -> got.put(each.name(), each.data().toArray(ValueLayout.JAVA_BYTE)));
        }
        return got;
    }

    private static InferenceException failure(Engine engine, String model) {
        return assertThrows(InferenceException.class, () -> infer(engine, model));
    }

    private static InferenceException loadFailure(Engine engine, String model) {
        return assertThrows(InferenceException.class, () -> engine.load(model, LoadOverride.NONE));
    }

    private static void load(Engine engine, String... models) {
        for (String model : models) {
            engine.load(model, LoadOverride.NONE);
        }
    }

    private static void assertNothingInUse(Engine engine) {
        EngineFixture.until("all memory is given back", () -> engine.buffers().inUseBytes() == 0);
    }

    /** Collects what a request is answered with. */
    private static final class Answers implements ResponseListener {
        final List<Byte> firstBytes = new ArrayList<>();
        final CountDownLatch ended = new CountDownLatch(1);
        @Nullable
        InferenceException error;

        @Override
        public void response(Response response, boolean isLast) {
            firstBytes.add(response.outputs().getFirst().data().get(ValueLayout.JAVA_BYTE, 0));
            response.close();
        }

        @Override
        public void end(@Nullable InferenceException failure) {
            error = failure;
            ended.countDown();
        }

        Answers await() {
            EngineFixture.await(ended);
            return this;
        }
    }

    private static Ticket submit(Engine engine, String model, RequestData data, Answers answers) {
        return engine.onVersion(model, OptionalLong.empty(), served -> engine.submit(served, data,
                new BufferScope(engine.buffers()), answers, RequestTrace.OFF));
    }

    @Test
    void tensorsGoFromStepToStep() {
        EngineFixture fixture = fixture().model("a", 1).model("b", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("b", "x", "y") + step("a", "y", "z"), "z");
        Engine engine = fixture.start();

        load(engine, "e");

        assertArrayEquals(new byte[]{4, 5, 6, 7}, infer(engine, "e").get("z"));
        assertNothingInUse(engine);
    }

    @Test
    void everyAnswerSaysWhichSequenceItBelongsTo() {
        EngineFixture fixture = fixture().model("a", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x"), "x");
        Engine engine = fixture.start();
        load(engine, "e");
        RequestData plain = request(List.of(), SENT);
        RequestData data = new RequestData("r", Map.of(), new CorrelationId.Numeric(7), true, false, 0, 0,
                plain.inputs(), List.of(), false);

        try (BufferScope scope = new BufferScope(engine.buffers());
                Response response = engine.infer(engine.lookup("e", OptionalLong.empty()), data, scope,
                        InferenceClient.PATIENT)) {
            assertEquals(Map.of("sequence_id", Parameter.of(7), "sequence_start", Parameter.of(true), "sequence_end",
                    Parameter.of(false)), response.parameters());
        }
    }

    @Test
    void stepsThatNeedNothingOfEachOtherRunAtTheSameTime() {
        CyclicBarrier both = new CyclicBarrier(2);
        EngineFixture fixture = fixture(batch -> {
            if (!model().equals("join")) {
                meet(both);
            }
            addOne(batch);
        }).model("a", 1).model("b", 1);
        joining(fixture);
        Engine engine = fixture.start();
        load(engine, "e");

        Map<String, byte[]> got = infer(engine, "e");

        assertArrayEquals(new byte[]{3, 4, 5, 6}, got.get("p"));
        assertArrayEquals(new byte[]{3, 4, 5, 6}, got.get("q"));
        assertNothingInUse(engine);
    }

    /** Writes an ensemble of two models whose results a third takes. */
    private static void joining(EngineFixture fixture) {
        fixture.write("join/config.pbtxt", """
                backend: "fake" max_batch_size: 4 %s
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] },
                        { name: "INPUT1" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] },
                         { name: "OUTPUT1" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                """.formatted(EngineFixture.GROUP_OF_ONE)).write("join/1/model.bin", "");
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("b", "INPUT0", "y")
                + step("join", Map.of("INPUT0", "x", "INPUT1", "y"), Map.of("OUTPUT0", "p", "OUTPUT1", "q")), "p", "q");
    }

    private EngineFixture onAnyThread(Consumer<Batch> onExecute) {
        backend = new FakeBackend("fake").onExecute(onExecute)
                .attributes(BackendAttributes.DEFAULT.withThreadConfinement(ThreadConfinement.ANY_THREAD));
        opened = new EngineFixture(directory, backend);
        return opened;
    }

    @Test
    void shortStepsRunOnTheThreadThatWaitsForTheEnsemble() {
        List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
        EngineFixture fixture = onAnyThread(batch -> {
            threads.add(Thread.currentThread());
            addOne(batch);
        }).model("a", 1).model("b", 1);
        ensemble(fixture, "inner", step("a", "INPUT0", "x") + step("b", "x", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("inner", "x", "y") + step("b", "y", "z"), "z");
        Engine engine = fixture.start();
        load(engine, "e");

        EngineFixture.until("executions are known to be short", () -> {
            threads.clear();
            Map<String, byte[]> ignored = infer(engine, "e");
            return Set.copyOf(threads).equals(Set.of(Thread.currentThread()));
        });

        assertEquals(4, threads.size());
        assertArrayEquals(new byte[]{5, 6, 7, 8}, infer(engine, "e").get("z"));
    }

    @Test
    void theThreadThatWaitsIsLentToOneOfTheStepsThatRunAtTheSameTime() {
        CyclicBarrier both = new CyclicBarrier(2);
        EngineFixture fixture = onAnyThread(batch -> {
            if (batch.requests().getFirst().inputs().size() == 1) {
                meet(both);
            }
            addOne(batch);
        }).model("a", 1).model("b", 1);
        joining(fixture);
        Engine engine = fixture.start();
        load(engine, "e");

        for (int i = 0; i < 20; i++) {
            assertArrayEquals(new byte[]{3, 4, 5, 6}, infer(engine, "e").get("p"));
        }
        assertNothingInUse(engine);
    }

    @Test
    void anEnsembleWhoseStepIsAnsweredTooLateEndsWithTheServer() throws Exception {
        CompletableFuture<InferenceRequest> left = new CompletableFuture<>();
        EngineFixture fixture = fixture(batch -> {
            InferenceRequest request = batch.requests().getFirst();
            request.answerLater();
            left.complete(request);
        }).model("a", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("a", "x", "y"), "y");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers answers = new Answers();
        Ticket ignored = submit(engine, "e", request(List.of(), SENT), answers);
        InferenceRequest late = left.get(30, TimeUnit.SECONDS);

        assertTrue(engine.stopWithin(Duration.ofSeconds(2)));

        assertEquals(StatusCode.UNAVAILABLE, Objects.requireNonNull(answers.await().error).code());
        assertTrue(late.isCancelled());
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            int ignored = barrier.await(30, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void stepsThatNobodyNeedsAreLeftOut() {
        EngineFixture fixture = fixture().model("a", 1).model("b", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("b", "x", "y"), "x", "y");
        Engine engine = fixture.start();
        load(engine, "e");

        Map<String, byte[]> got = infer(engine, "e", "x");

        assertEquals(Set.of("x"), got.keySet());
        assertEquals(0, engine.lookup("b", OptionalLong.empty()).statistics().executionCount());
        assertNothingInUse(engine);
    }

    @Test
    void aFailureNamesTheEnsembleOnceAndKeepsItsCode() {
        EngineFixture fixture = fixture(batch -> {
            if (model().equals("bad")) {
                throw InferenceException.invalid("nothing but nonsense");
            }
            addOne(batch);
        }).model("a", 1).model("bad", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("bad", "x", "y") + step("a", "INPUT0", "z"), "y", "z");
        Engine engine = fixture.start();
        load(engine, "e");

        InferenceException failure = failure(engine, "e");

        assertEquals("in ensemble 'e', nothing but nonsense", failure.getMessage());
        assertEquals(StatusCode.INVALID_ARG, failure.code());
        ServedVersion served = engine.lookup("e", OptionalLong.empty());
        assertEquals(1, served.statistics().failures(FailureReason.OTHER).count());
        assertEquals(0, served.statistics().success().count());
        assertNothingInUse(engine);
    }

    @Test
    void nestedEnsemblesNameEachOther() {
        EngineFixture fixture = fixture(batch -> {
            throw InferenceException.invalid("no");
        }).model("a", 1);
        ensemble(fixture, "inner", step("a", "INPUT0", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "outer", step("inner", "INPUT0", "x"), "x");
        Engine engine = fixture.start();
        load(engine, "outer");

        assertEquals("in ensemble 'outer', in ensemble 'inner', no", failure(engine, "outer").getMessage());
    }

    @Test
    void countsTheEnsembleOnceAndItsStepsInSum() {
        EngineFixture fixture = fixture().model("a", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("a", "x", "y"), "y");
        Engine engine = fixture.start();
        load(engine, "e");

        Map<String, byte[]> ignored = infer(engine, "e");

        var ensemble = engine.lookup("e", OptionalLong.empty()).statistics();
        var member = engine.lookup("a", OptionalLong.empty()).statistics();
        assertEquals(1, ensemble.success().count());
        assertEquals(1, ensemble.inferenceCount());
        assertEquals(1, ensemble.executionCount());
        assertEquals(2, member.success().count());
        assertEquals(member.computeInfer().nanos(), ensemble.computeInfer().nanos());
        assertEquals(0, ensemble.pendingCount());
    }

    @Test
    void aLongChainNeedsNoDeepStack() {
        EngineFixture fixture = fixture().model("a", 1);
        StringBuilder steps = new StringBuilder(step("a", "INPUT0", "t0"));
        for (int i = 1; i < 2000; i++) {
            steps.append(step("a", "t" + (i - 1), "t" + i));
        }
        ensemble(fixture, "e", steps.toString(), "t1999");
        Engine engine = fixture.start();
        load(engine, "e");

        assertArrayEquals(new byte[]{(byte) 2001, (byte) 2002, (byte) 2003, (byte) 2004},
                infer(engine, "e").get("t1999"));
        assertNothingInUse(engine);
    }

    @Test
    void addsAndStripsTheBatchDimensionWhereOnlyOneSideHasIt() {
        EngineFixture fixture = fixture().model("a", 1);
        fixture.write("plain/config.pbtxt", """
                backend: "fake" %s
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                """.formatted(EngineFixture.GROUP_OF_ONE)).write("plain/1/model.bin", "");
        fixture.write("e/config.pbtxt", """
                platform: "ensemble"
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 1, 4 ] } ]
                output [ { name: "y" data_type: TYPE_UINT8 dims: [ -1, 4 ] } ]
                ensemble_scheduling { %s }
                """.formatted(step("a", "INPUT0", "x") + step("a", "x", "y"))).write("e/1/empty", "");
        Engine engine = fixture.start();
        load(engine, "e", "plain");

        assertArrayEquals(new byte[]{3, 4, 5, 6}, infer(engine, "e").get("y"));
        assertArrayEquals(new byte[]{2, 3, 4, 5}, infer(engine, "plain", new RequestData("", Map.of(),
                CorrelationId.NONE, false, false, 0, 0, List.of(new InputData("INPUT0", Optional.of(DataType.UINT8),
                        new long[]{4}, MemorySegment.ofArray(SENT))),
                List.of(), false)).get("OUTPUT0"));
    }

    /** Answers with each byte of its input by itself. */
    private static void split(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            Tensor input = request.inputs().getFirst();
            for (byte each : input.data().toArray(ValueLayout.JAVA_BYTE)) {
                if (each != 0) {
                    InferenceResponse response = request.newResponse();
                    response.addOutput("PART", DataType.UINT8, Shape.of(1L, 1L), 1).fill(each);
                    response.sendPartial();
                }
            }
            request.complete();
        }
    }

    private static EngineFixture splitting(EngineFixture fixture) {
        fixture.write("split/config.pbtxt", """
                backend: "fake" max_batch_size: 4 model_transaction_policy { decoupled: true } %s
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "PART" data_type: TYPE_UINT8 dims: [ 1 ] } ]
                """.formatted(EngineFixture.GROUP_OF_ONE)).write("split/1/model.bin", "");
        fixture.write("one/config.pbtxt", """
                backend: "fake" max_batch_size: 4 %s
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 1 ] } ]
                """.formatted("instance_group [ { count: 3 kind: KIND_CPU } ]")).write("one/1/model.bin", "");
        return fixture;
    }

    @Test
    void aDecoupledModelMakesAnAnswerOfEachOfItsResponsesInTheirOrder() {
        CountDownLatch second = new CountDownLatch(1);
        EngineFixture fixture = splitting(fixture(batch -> {
            if (model().equals("split")) {
                split(batch);
                return;
            }
            if (batch.requests().getFirst().inputs().getFirst().data().get(ValueLayout.JAVA_BYTE, 0) == 1) {
                // The first response is done last.
                EngineFixture.await(second);
            }
            addOne(batch);
            second.countDown();
        }));
        ensemble(fixture, "e", step("split", Map.of("INPUT0", "INPUT0"), Map.of("PART", "p"))
                + step("one", "p", "PART"), "PART");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers answers = new Answers();

        Ticket ignored = submit(engine, "e", request(List.of(), SENT), answers);

        answers.await();
        assertEquals(List.of((byte) 2, (byte) 3, (byte) 4, (byte) 5), answers.firstBytes);
        assertEquals(null, answers.error);
        assertTrue(engine.lookup("e", OptionalLong.empty()).config().isDecoupled());
        assertNothingInUse(engine);
    }

    @Test
    void aDecoupledModelThatAnswersNothingEndsTheRequest() {
        EngineFixture fixture = splitting(fixture(EnsembleTest::split));
        ensemble(fixture, "e", step("split", Map.of("INPUT0", "INPUT0"), Map.of("PART", "PART")), "PART");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers answers = new Answers();

        Ticket ignored = submit(engine, "e", request(List.of(), new byte[4]), answers);

        answers.await();
        assertEquals(List.of(), answers.firstBytes);
        assertEquals(null, answers.error);
    }

    @Test
    void aLimitBoundsHowManyRequestsOfAStepAreInFlight() {
        AtomicInteger now = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        EngineFixture fixture = splitting(fixture(batch -> {
            if (model().equals("split")) {
                split(batch);
                return;
            }
            most.accumulateAndGet(now.incrementAndGet(), Math::max);
            LockSupport.parkNanos(1_000_000);
            now.decrementAndGet();
            addOne(batch);
        }));
        ensemble(fixture, "e", 4, "max_inflight_requests: 1\n",
                step("split", Map.of("INPUT0", "INPUT0"), Map.of("PART", "p")) + step("one", "p", "PART"), "PART");
        Engine engine = fixture.start();
        load(engine, "e");
        List<Answers> all = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            Answers answers = new Answers();
            Ticket ignored = submit(engine, "e", request(List.of(), SENT), answers);
            all.add(answers);
        }

        for (Answers answers : all) {
            assertEquals(List.of((byte) 2, (byte) 3, (byte) 4, (byte) 5), answers.await().firstBytes);
        }

        assertEquals(1, most.get());
        assertNothingInUse(engine);
    }

    @Test
    void aLimitHoldsUpTheDecoupledModelBeforeIt() {
        AtomicInteger unanswered = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        EngineFixture fixture = splitting(fixture(batch -> {
            if (model().equals("split")) {
                splitHundred(batch, () -> most.accumulateAndGet(unanswered.incrementAndGet(), Math::max));
                return;
            }
            LockSupport.parkNanos(500_000);
            unanswered.decrementAndGet();
            addOne(batch);
        }));
        ensemble(fixture, "e", 4, "max_inflight_requests: 2\n",
                step("split", Map.of("INPUT0", "INPUT0"), Map.of("PART", "p")) + step("one", "p", "PART"), "PART");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers answers = new Answers();

        Ticket ignored = submit(engine, "e", request(List.of(), SENT), answers);

        assertEquals(100, answers.await().firstBytes.size());
        assertEquals(null, answers.error);
        // Two in flight, one that waits and holds the model up, and one that was counted before it could be.
        assertTrue(most.get() <= 4, "responses that waited: " + most);
        assertNothingInUse(engine);
    }

    @Test
    void aModelThatIsHeldUpGoesOnWhenTheRequestIsCancelled() {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch splitEnded = new CountDownLatch(1);
        EngineFixture fixture = splitting(fixture(batch -> {
            if (model().equals("split")) {
                splitHundred(batch, () -> {
                });
                splitEnded.countDown();
                return;
            }
            running.countDown();
            EngineFixture.await(goOn);
            addOne(batch);
        }));
        ensemble(fixture, "e", 4, "max_inflight_requests: 1\n",
                step("split", Map.of("INPUT0", "INPUT0"), Map.of("PART", "p")) + step("one", "p", "PART"), "PART");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers answers = new Answers();
        Ticket ticket = submit(engine, "e", request(List.of(), SENT), answers);
        EngineFixture.await(running);

        ticket.cancel();

        EngineFixture.await(splitEnded);
        goOn.countDown();
        InferenceException error = answers.await().error;
        assertEquals(StatusCode.CANCELLED, error == null ? null : error.code());
        assertNothingInUse(engine);
    }

    /** Answers a hundred times, each time after {@code before}. */
    private static void splitHundred(Batch batch, Runnable before) {
        for (InferenceRequest request : batch.requests()) {
            for (int i = 0; i < 100; i++) {
                before.run();
                InferenceResponse response = request.newResponse();
                response.addOutput("PART", DataType.UINT8, Shape.of(1L, 1L), 1).fill((byte) 1);
                response.sendPartial();
            }
            request.complete();
        }
    }

    @Test
    void stepsThatWaitForRoomAreGivenUpWhenAnotherFails() {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        EngineFixture fixture = fixture(batch -> {
            switch (model()) {
                case "busy" -> {
                    running.countDown();
                    EngineFixture.await(goOn);
                }
                case "bad" -> throw InferenceException.invalid("no");
                default -> {
                }
            }
            addOne(batch);
        }).model("busy", 1).model("bad", 1);
        ensemble(fixture, "e", 4, "max_inflight_requests: 1\n",
                step("busy", "INPUT0", "x") + step("bad", "INPUT0", "y"), "x", "y");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers first = new Answers();
        Answers second = new Answers();

        Ticket ignored = submit(engine, "e", request(List.of(), SENT), first);
        EngineFixture.await(running);
        Ticket ignoredToo = submit(engine, "e", request(List.of(), SENT), second);

        // The second one's step 'busy' still waits behind the first one's.
        InferenceException error = second.await().error;
        assertEquals("in ensemble 'e', no", error == null ? null : error.getMessage());
        goOn.countDown();
        assertEquals("in ensemble 'e', no", Objects.requireNonNull(first.await().error).getMessage());
        assertNothingInUse(engine);
    }

    @Test
    void aCancelledRequestStartsNoFurtherSteps() {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        EngineFixture fixture = fixture(batch -> {
            running.countDown();
            EngineFixture.await(goOn);
            addOne(batch);
        }).model("a", 1).model("b", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("b", "x", "y"), "y");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers answers = new Answers();
        Ticket ticket = submit(engine, "e", request(List.of(), SENT), answers);
        EngineFixture.await(running);

        ticket.cancel();
        goOn.countDown();

        InferenceException error = answers.await().error;
        assertEquals(StatusCode.CANCELLED, error == null ? null : error.code());
        assertEquals(0, engine.lookup("b", OptionalLong.empty()).statistics().executionCount());
        assertNothingInUse(engine);
    }

    @Test
    void anEnsembleGoesWithItsModelAndComesBackWithIt() {
        EngineFixture fixture = fixture().model("a", 1).model("b", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("b", "x", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "outer", step("e", "INPUT0", "x"), "x");
        Engine engine = fixture.start();
        load(engine, "outer");

        engine.unload("b", false);

        assertEquals("Request for unknown model: 'outer' has no available versions",
                failure(engine, "outer").getMessage());
        assertTrue(EngineFixture.index(engine).contains("e 1 UNAVAILABLE (unloaded)"));

        load(engine, "b");

        assertArrayEquals(new byte[]{3, 4, 5, 6}, infer(engine, "outer").get("x"));
    }

    @Test
    void anUnloadWithDependentsTakesOnlyWhatNobodyElseAskedFor() {
        EngineFixture fixture = fixture().model("a", 1).model("b", 1).model("c", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("b", "x", "y") + step("c", "y", "z"), "z");
        ensemble(fixture, "other", step("c", "INPUT0", "x"), "x");
        Engine engine = fixture.start();
        load(engine, "b", "e", "other");

        engine.unload("e", true);

        assertEquals(List.of("a 1 UNAVAILABLE (unloaded)", "b 1 READY", "c 1 READY", "e 1 UNAVAILABLE (unloaded)",
                "other 1 READY"), EngineFixture.index(engine));
    }

    @Test
    void anUnloadWithoutDependentsLeavesTheModels() {
        EngineFixture fixture = fixture().model("a", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x"), "x");
        Engine engine = fixture.start();
        load(engine, "e");

        engine.unload("e", false);

        assertEquals(List.of("a 1 READY", "e 1 UNAVAILABLE (unloaded)"), EngineFixture.index(engine));
    }

    @Test
    void aChangedModelHasTheEnsembleLoadedAgain() {
        EngineFixture fixture = fixture().model("a", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x"), "x");
        Engine engine = fixture.start();
        load(engine, "e");
        Map<String, byte[]> ignored = infer(engine, "e");
        ServedVersion before = engine.lookup("e", OptionalLong.empty());
        fixture.write("a/1/model.bin", "another");

        load(engine, "a");

        ServedVersion after = engine.lookup("e", OptionalLong.empty());
        assertTrue(before != after);
        assertEquals(0, after.statistics().success().count());
        assertArrayEquals(new byte[]{2, 3, 4, 5}, infer(engine, "e").get("x"));
    }

    @Test
    void anEnsembleThatNoLongerFitsItsModelIsUnloaded() {
        EngineFixture fixture = fixture().model("a", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x"), "x");
        Engine engine = fixture.start();
        load(engine, "e");
        fixture.write("a/config.pbtxt", """
                backend: "fake" max_batch_size: 2 %s
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                """.formatted(EngineFixture.GROUP_OF_ONE));

        load(engine, "a");

        assertEquals(List.of("a 1 READY", "e 1 UNAVAILABLE (unloaded)"), EngineFixture.index(engine));
        assertEquals("load failed for model 'e': ensemble e allows maximum batch size 4, but it contains model a which "
                + "only allows maximum batch size to be 2\n", loadFailure(engine, "e").getMessage());
    }

    @Test
    void aModelThatIsUnloadedFinishesTheRequestsOfItsEnsembles() {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        EngineFixture fixture = fixture(batch -> {
            if (model().equals("a")) {
                running.countDown();
                EngineFixture.await(goOn);
            }
            addOne(batch);
        }).model("a", 1).model("b", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x") + step("b", "x", "y"), "y");
        Engine engine = fixture.start();
        load(engine, "e");
        Answers answers = new Answers();
        Ticket ignored = submit(engine, "e", request(List.of(), SENT), answers);
        EngineFixture.await(running);

        engine.unload("b", false);
        goOn.countDown();

        answers.await();
        assertEquals(null, answers.error);
        assertEquals(List.of((byte) 3), answers.firstBytes);
    }

    @Test
    void refusesCirclesMissingModelsAndMissingVersions() {
        EngineFixture fixture = fixture().model("a", 1);
        ensemble(fixture, "x", step("y", "INPUT0", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "y", step("z", "INPUT0", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "z", step("x", "INPUT0", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "lacks", step("nobody", "INPUT0", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "seventh", step("a", "INPUT0", "OUTPUT0").replace("-1", "7"), "OUTPUT0");
        Engine engine = fixture.start();

        assertEquals("load failed for model 'x': circular dependency between ensembles: z -> ... -> y -> z\n",
                loadFailure(engine, "x").getMessage());
        assertEquals("load failed for model 'lacks': ensemble lacks contains models that are not available or "
                + "ambiguous: nobody\n", loadFailure(engine, "lacks").getMessage());
        assertEquals(
                "load failed for model 'seventh': ensemble 'seventh' depends on 'a' whose required version 7 is not "
                        + "loaded.\n",
                loadFailure(engine, "seventh").getMessage());
        assertEquals(List.of("a 1 READY", "lacks", "seventh", "x", "y", "z"), EngineFixture.index(engine));
    }

    @Test
    void saysWhyAModelOfItCouldNotBeLoaded() {
        EngineFixture fixture = fixture().model("a", 1);
        ensemble(fixture, "e", step("a", "INPUT0", "x"), "x");
        Objects.requireNonNull(backend).onCreateModel(context -> {
            throw InferenceException.invalid("this file is none");
        });
        Engine engine = fixture.start();

        assertEquals("load failed for model 'e': ensemble 'e' depends on 'a' which has no loaded version. Model 'a' "
                + "loading failed with error: version 1 is at UNAVAILABLE state: Invalid argument: this file is none;\n",
                loadFailure(engine, "e").getMessage());
    }

    @Test
    void aStartLoadsModelsBeforeTheirEnsembles() {
        EngineFixture fixture = fixture().mode(ControlMode.NONE).model("z", 1);
        ensemble(fixture, "e", step("z", "INPUT0", "OUTPUT0"), "OUTPUT0");
        ensemble(fixture, "a", step("e", "INPUT0", "x"), "x");

        Engine engine = fixture.create();

        assertEquals(Map.of(), engine.start());
        assertArrayEquals(new byte[]{2, 3, 4, 5}, infer(engine, "a").get("x"));
    }
}
