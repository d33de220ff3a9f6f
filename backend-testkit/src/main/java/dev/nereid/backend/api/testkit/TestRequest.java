package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A request as a client would send it. Immutable: every method returns a changed copy.
 *
 * @param id the id; empty for none
 * @param inputs the inputs
 * @param requestedOutputs the outputs that the client asks for; empty for all
 * @param parameters the client's own parameters
 * @param correlationId the sequence
 * @param isSequenceStart whether it starts the sequence
 * @param isSequenceEnd whether it ends the sequence
 * @param timeoutMicros the client's timeout; 0 for none
 * @param isCancelled whether the client has already gone when the request is executed
 */
public record TestRequest(String id, List<TestTensor> inputs, Set<String> requestedOutputs,
        Map<String, Parameter> parameters, CorrelationId correlationId, boolean isSequenceStart, boolean isSequenceEnd,
        long timeoutMicros, boolean isCancelled) {
    /** Copies the collections. */
    public TestRequest {
        inputs = List.copyOf(inputs);
        requestedOutputs = Set.copyOf(requestedOutputs);
        parameters = Map.copyOf(parameters);
    }

    /** Returns a request with those inputs. */
    public static TestRequest of(TestTensor... inputs) {
        return new TestRequest("", List.of(inputs), Set.of(), Map.of(), CorrelationId.NONE, false, false, 0, false);
    }

    /** Returns the request with one more input. */
    public TestRequest input(TestTensor input) {
        List<TestTensor> more = new ArrayList<>(inputs);
        more.add(input);
        return withInputs(more);
    }

    /** Returns the request with one more input, FP32. */
    public TestRequest fp32(String name, Shape shape, float... values) {
        return input(TestTensor.fp32(name, shape, values));
    }

    /** Returns the request with one more input, INT32. */
    public TestRequest int32(String name, Shape shape, int... values) {
        return input(TestTensor.int32(name, shape, values));
    }

    /** Returns the request with one more input, INT64. */
    public TestRequest int64(String name, Shape shape, long... values) {
        return input(TestTensor.int64(name, shape, values));
    }

    /** Returns the request with one more input, BYTES. */
    public TestRequest strings(String name, Shape shape, String... values) {
        return input(TestTensor.strings(name, shape, values));
    }

    /** Returns the request with that id. */
    public TestRequest withId(String newId) {
        return new TestRequest(newId, inputs, requestedOutputs, parameters, correlationId, isSequenceStart,
                isSequenceEnd, timeoutMicros, isCancelled);
    }

    /** Returns the request without that input. */
    public TestRequest without(String inputName) {
        return withInputs(inputs.stream().filter(input -> !input.name().equals(inputName)).toList());
    }

    /** Returns the request asking for those outputs only. */
    public TestRequest requesting(String... outputNames) {
        return new TestRequest(id, inputs, Set.of(outputNames), parameters, correlationId, isSequenceStart,
                isSequenceEnd, timeoutMicros, isCancelled);
    }

    /** Returns the request with one more parameter. */
    public TestRequest parameter(String name, Parameter value) {
        Map<String, Parameter> more = new LinkedHashMap<>(parameters);
        more.put(name, value);
        return new TestRequest(id, inputs, requestedOutputs, more, correlationId, isSequenceStart, isSequenceEnd,
                timeoutMicros, isCancelled);
    }

    /** Returns the request as a part of a sequence. */
    public TestRequest inSequence(CorrelationId sequence, boolean isStart, boolean isEnd) {
        return new TestRequest(id, inputs, requestedOutputs, parameters, sequence, isStart, isEnd, timeoutMicros,
                isCancelled);
    }

    /** Returns the request of a client that has gone. */
    public TestRequest cancelled() {
        return new TestRequest(id, inputs, requestedOutputs, parameters, correlationId, isSequenceStart, isSequenceEnd,
                timeoutMicros, true);
    }

    /** Returns the request with every input cut or repeated to that many rows. */
    TestRequest withRows(int rows) {
        return withInputs(inputs.stream().map(input -> input.withRows(rows)).toList());
    }

    /** Returns the rows of the request, which has a batch dimension. */
    long rows() {
        return inputs.isEmpty() ? 1 : inputs.getFirst().shape().dimension(0);
    }

    private TestRequest withInputs(List<TestTensor> newInputs) {
        return new TestRequest(id, newInputs, requestedOutputs, parameters, correlationId, isSequenceStart,
                isSequenceEnd, timeoutMicros, isCancelled);
    }
}
