package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What became of a request.
 *
 * @param responses the responses, in order: one, or any number from a decoupled model, or none before an error
 * @param error the error, if it failed
 */
public record TestResult(List<Response> responses, Optional<InferenceException> error) {
    /** Copies the list. */
    public TestResult {
        responses = List.copyOf(responses);
    }

    /** Returns one response with those outputs. */
    public static TestResult of(TestTensor... outputs) {
        return new TestResult(List.of(new Response(List.of(outputs), Map.of())), Optional.empty());
    }

    /** Returns a failure. */
    public static TestResult failed(InferenceException error) {
        return new TestResult(List.of(), Optional.of(error));
    }

    /**
     * One response, copied.
     *
     * @param outputs the outputs in the order in which they were added
     * @param parameters the response parameters
     */
    public record Response(List<TestTensor> outputs, Map<String, Parameter> parameters) {
        /** Copies the collections. */
        public Response {
            outputs = List.copyOf(outputs);
            parameters = Map.copyOf(parameters);
        }
    }

    /** Returns the only response; fails the test when there is an error, or another number of responses. */
    public Response response() {
        if (error.isPresent()) {
            throw new AssertionError("the request failed: " + error.get().reason(), error.get());
        }
        if (responses.size() != 1) {
            throw new AssertionError("the request has " + responses.size() + " responses, expected 1");
        }
        return responses.getFirst();
    }

    /** Returns the outputs of the only response. */
    public List<TestTensor> outputs() {
        return response().outputs();
    }

    /** Returns an output of the only response. */
    public TestTensor output(String name) {
        return outputs().stream().filter(output -> output.name().equals(name)).findFirst().orElseThrow(
                () -> new AssertionError("the response has no output '" + name + "', but " + outputs()));
    }

    /** Returns the parameters of the only response. */
    public Map<String, Parameter> parameters() {
        return response().parameters();
    }

    /** Returns the error; fails the test when there is none. */
    public InferenceException failure() {
        return error.orElseThrow(() -> new AssertionError("the request succeeded: " + responses));
    }
}
