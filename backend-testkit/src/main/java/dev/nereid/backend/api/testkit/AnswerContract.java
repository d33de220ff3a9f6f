package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelOutput;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Each request is answered once, with what the configuration says and the client asked for, today as yesterday. */
record AnswerContract(SampleModel sample) {
    static final int ROUNDS = 20;

    void answersEverySample() {
        assertTrue(sample.requests().size() >= 2, "sampleRequests() must return at least two requests");
        sample.loadAnswerUnload();
    }

    void outputsAreAsConfigured() {
        sample.whileLoaded(model -> {
            for (TestRequest request : sample.requests()) {
                Set<String> names = new HashSet<>();
                for (TestTensor output : model.infer(request).outputs()) {
                    names.add(output.name());
                    assertAsConfigured(model, request, output);
                }
                assertFalse(names.isEmpty() && !model.config().outputs().isEmpty(), "the response has no outputs");
            }
        });
    }

    private static void assertAsConfigured(TestModel model, TestRequest request, TestTensor output) {
        ModelOutput declared = model.config().output(output.name()).orElseGet(
                () -> fail("output '" + output.name() + "' is not in the configuration"));
        assertEquals(declared.dataType(), Optional.of(output.dataType()), "datatype of output '" + output.name() + "'");
        Dims dims = model.config().isBatching()
                ? declared.backendDims().prepend(request.rows())
                : declared.backendDims();
        assertTrue(dims.matches(output.shape(), 0), "output '" + output.name() + "' has shape " + output.shape()
                + ", the configuration says " + dims);
    }

    void answersWithTheRequestedOutputs() {
        sample.whileLoaded(model -> {
            TestRequest request = sample.firstRequest();
            TestResult all = model.infer(request);
            for (TestTensor output : all.outputs()) {
                TestResult some = model.infer(request.requesting(output.name()));
                assertEquals(List.of(output.name()), some.outputs().stream().map(TestTensor::name).toList(),
                        "outputs of a request for '" + output.name() + "' only");
            }
        });
    }

    void repeatedExecutionsAnswerTheSame() {
        sample.whileLoaded(model -> {
            List<TestRequest> requests = sample.requests();
            List<TestResult> expected = requests.stream().map(model::infer).toList();
            for (int round = 0; round < ROUNDS; round++) {
                int index = round % requests.size();
                sample.assertSameAnswer(expected.get(index), model.infer(requests.get(index)));
            }
        });
    }

    void dividesTheSameRequestsInTheSameWay() {
        sample.whileLoaded(model -> {
            TestRequest[] requests = sample.requests().toArray(TestRequest[]::new);
            List<Integer> once = model.divide(requests);
            assertEquals(once, model.divide(requests), "sizes of the batches that the strategy makes of the samples");
        });
    }
}
