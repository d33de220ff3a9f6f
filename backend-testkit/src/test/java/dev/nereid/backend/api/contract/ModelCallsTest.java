package dev.nereid.backend.api.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Models that call one another in the test engine. */
class ModelCallsTest {
    private static final TestRequest REQUEST = TestRequest.of().fp32("INPUT0", Shape.of(2), 1, 2);

    private final Map<String, ModelCalls> calls = new ConcurrentHashMap<>();
    @AutoClose
    private final TestEngine engine = TestEngine.start(new FakeBackend("caller")
            .onCreateModel(context -> calls.put(context.name(), context.models())).onExecute(this::callOthers));

    /** Calls the model that the request's parameter "call" names, and passes its outputs on. */
    private void callOthers(Batch batch) {
        InferenceRequest request = batch.requests().getFirst();
        Parameter callee = request.parameters().get("call");
        if (callee == null) {
            FakeBackend.echo(batch);
            return;
        }
        String caller = String.valueOf(request.parameters().get("model"));
        Tensor input = request.inputs().getFirst();
        ModelCall call = ModelCall.of(callee.toString(), input).onBehalfOf(request);
        Parameter wanted = request.parameters().get("wanted");
        if (wanted != null) {
            sumUp(Objects.requireNonNull(calls.get(caller)), call, request, Integer.parseInt(wanted.toString()));
            return;
        }
        Parameter next = request.parameters().get("then");
        if (next != null) {
            call = call.withParameter("call", next).withParameter("model", callee);
        }
        InferenceResult result = Objects.requireNonNull(calls.get(caller)).infer(call);
        InferenceResponse response = request.newResponse();
        Tensor output = result.output("OUTPUT0").orElseThrow();
        Runnable release = request.parameters().containsKey("leak") ? () -> {
        } : result::close;
        response.addOutput("OUTPUT0", output.dataType(), output.shape(), output.data(), release);
        response.send();
    }

    /** Answers with the sum of what the other model answers, up to so many times. */
    private static void sumUp(ModelCalls models, ModelCall call, InferenceRequest request, int wanted) {
        float[] sum = {0, 0};
        models.infer(call, result -> {
            try (result) {
                sum[0] += result.output("OUTPUT0").orElseThrow().toFloatArray()[0];
                sum[1]++;
            }
            return sum[1] < wanted;
        });
        InferenceResponse response = request.newResponse();
        response.copyOutput("OUTPUT0", DataType.FP32, Shape.of(2), MemorySegment.ofArray(sum));
        response.send();
    }

    private static TestResult several(Optional<InferenceException> error, float... values) {
        List<TestResult.Response> responses = new ArrayList<>();
        for (float value : values) {
            responses.add(new TestResult.Response(List.of(TestTensor.fp32("OUTPUT0", Shape.of(1), value)), Map.of()));
        }
        return new TestResult(responses, error);
    }

    private TestModel load(String name) {
        return engine.load(Path.of(""), ModelConfig.builder(name).backend("caller")
                .inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(2))))
                .outputs(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(2)))).build());
    }

    private static TestRequest calling(String callee) {
        return REQUEST.parameter("model", Parameter.of("a")).parameter("call", Parameter.of(callee));
    }

    @Test
    void passesOnWhatTheOtherModelAnswers() {
        try (TestModel a = load("a"); TestModel b = load("b")) {
            assertTrue(b.isReady());
            assertArrayEquals(new float[]{1, 2}, a.infer(calling("b")).output("OUTPUT0").floats());
        }
        engine.assertNoViolations();
    }

    @Test
    void callsAModelThatTheTestOffers() {
        engine.offer("offered", request -> TestResult.of(TestTensor.fp32("OUTPUT0", Shape.of(1), 7)));

        try (TestModel a = load("a")) {
            assertArrayEquals(new float[]{7}, a.infer(calling("offered")).output("OUTPUT0").floats());
        }
        engine.assertNoViolations();
    }

    @Test
    void passesOnTheOtherModelsError() {
        engine.offer("full", request -> TestResult.failed(InferenceException.unavailable("queue is full")));

        try (TestModel a = load("a")) {
            assertEquals(StatusCode.UNAVAILABLE, a.infer(calling("full")).failure().code());
            assertEquals(StatusCode.NOT_FOUND, a.infer(calling("missing")).failure().code());
        }
    }

    @Test
    void callsModelsThatAnswerAnyNumberOfTimes() {
        engine.offer("three", request -> several(Optional.empty(), 1, 2, 4));
        engine.offer("none", request -> several(Optional.empty()));
        engine.offer("broken", request -> several(Optional.of(InferenceException.unavailable("no more")), 1, 2));

        try (TestModel a = load("a")) {
            assertArrayEquals(new float[]{7, 3}, sum(a, "three", 9).output("OUTPUT0").floats());
            assertArrayEquals(new float[]{3, 2}, sum(a, "three", 2).output("OUTPUT0").floats());
            assertArrayEquals(new float[]{0, 0}, sum(a, "none", 9).output("OUTPUT0").floats());
            assertEquals("no more", sum(a, "broken", 9).failure().getMessage());
            assertEquals(StatusCode.UNSUPPORTED, sum(a, "a", 9).failure().code());
            assertEquals(StatusCode.UNSUPPORTED, a.infer(calling("three")).failure().code());
        }
        engine.assertNoViolations();
    }

    private static TestResult sum(TestModel model, String callee, int wanted) {
        return model.infer(calling(callee).parameter("wanted", Parameter.of(wanted)));
    }

    @Test
    void refusesCallsInACircle() {
        try (TestModel a = load("a"); TestModel b = load("b")) {
            assertEquals(StatusCode.UNSUPPORTED, a.infer(calling("a")).failure().code());

            InferenceException failure = a.infer(calling("b").parameter("then", Parameter.of("a"))).failure();

            assertEquals(StatusCode.UNSUPPORTED, failure.code());
            assertEquals("model 'b' can't call model 'a', which would wait for model 'b' in turn",
                    failure.getMessage());
            assertTrue(b.isReady());
            a.infer(calling("b")).response();
        }
    }

    @Test
    void callsNothingForClientsThatHaveGone() {
        try (TestModel a = load("a"); TestModel b = load("b")) {
            assertTrue(b.isReady());
            assertEquals(StatusCode.CANCELLED, a.infer(calling("b").cancelled()).failure().code());
        }
    }

    @Test
    void noticesResultsThatAreNotClosed() {
        try (TestModel a = load("a"); TestModel b = load("b")) {
            a.infer(calling("b").parameter("leak", Parameter.of(true))).response();
            assertTrue(b.isReady());
        }

        assertEquals(List.of("model 'a' left 1 results of calls open"), engine.violations());
    }

    @Test
    void aCallForNobodyIsNotCancelled() {
        ModelCall call = ModelCall.of("m").withVersion(3).requesting("Y");

        assertFalse(call.isCancelled());
        assertEquals(OptionalLong.of(3), call.version());
        assertEquals(Set.of("Y"), call.outputs());
    }
}
