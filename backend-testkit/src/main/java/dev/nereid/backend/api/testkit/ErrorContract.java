package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** Requests that go wrong, or that nobody waits for any more, are answered and disturb nobody. */
record ErrorContract(SampleModel sample) {
    void refusesBadRequestsAndGoesOn() {
        sample.whileLoaded(model -> {
            TestRequest good = sample.firstRequest();
            TestResult expected = model.infer(good);
            List<TestRequest> bad = new ArrayList<>(sample.refusedRequests());
            model.config().inputs().stream().filter(input -> !input.isOptional()).findFirst()
                    .ifPresent(input -> bad.add(good.without(input.name())));
            for (TestRequest request : bad) {
                InferenceException failure = model.infer(request).failure();
                assertNotEquals(StatusCode.INTERNAL, failure.code(),
                        "the error of a bad request must not be INTERNAL: " + failure.getMessage());
                assertNotEquals(StatusCode.UNKNOWN, failure.code(), "code of " + failure.getMessage());
                SampleModel.assertReadable(failure);
                sample.assertSameAnswer(expected, model.infer(good));
            }
        });
    }

    void keepsErrorsToTheirRequest() {
        Assumptions.assumeTrue(sample.abilities().batching(), "the backend does not batch");
        Assumptions.assumeFalse(sample.refusedRequests().isEmpty(), "no refused requests are given");
        sample.whileLoaded(model -> {
            TestRequest good = sample.firstRequest();
            TestResult expected = model.infer(good);
            for (TestRequest bad : sample.refusedRequests()) {
                List<TestResult> results = model.execute(good, bad);
                sample.assertSameAnswer(expected, results.get(0));
                results.get(1).failure();
            }
        });
    }

    void answersCancelledRequests() {
        sample.whileLoaded(model -> {
            TestRequest request = sample.firstRequest();
            TestResult expected = model.infer(request);
            assertCancelledOrSame(expected, model.infer(request.cancelled()));
            if (sample.abilities().batching()) {
                List<TestResult> results = model.execute(request, request.cancelled(), request);
                sample.assertSameAnswer(expected, results.get(0));
                assertCancelledOrSame(expected, results.get(1));
                sample.assertSameAnswer(expected, results.get(2));
            }
            sample.assertSameAnswer(expected, model.infer(request));
        });
    }

    private void assertCancelledOrSame(TestResult expected, TestResult actual) {
        if (actual.error().isPresent()) {
            assertEquals(StatusCode.CANCELLED, actual.failure().code(), "code of a cancelled request");
        } else {
            sample.assertSameAnswer(expected, actual);
        }
    }
}
