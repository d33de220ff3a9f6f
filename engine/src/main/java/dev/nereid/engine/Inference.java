package dev.nereid.engine;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * A request to a model. Immutable: every method returns a changed copy.
 *
 * @param model the model's name
 * @param version its version; empty for the highest that is ready
 * @param inputs the inputs, in host memory, with the batch dimension where the model batches. The memory must stay as it is
 *     until the request has ended
 * @param outputs the outputs that are wanted; empty for all
 * @param id names the request in logs and errors; empty for no name
 * @param parameters the request's own parameters, which the backend sees
 * @param sequence the sequence that the request belongs to
 * @param isSequenceStart whether it starts the sequence
 * @param isSequenceEnd whether it ends the sequence
 * @param priority 1 is the highest; 0 for the model's default
 * @param timeout how long it may wait in the queue, where the model's configuration lets requests say so; zero for no limit
 */
public record Inference(String model, OptionalLong version, List<Tensor> inputs, List<String> outputs, String id,
        Map<String, Parameter> parameters, CorrelationId sequence, boolean isSequenceStart, boolean isSequenceEnd,
        long priority, Duration timeout) {
    /** Copies the collections. */
    public Inference {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        parameters = Map.copyOf(parameters);
    }

    /** Returns a request without inputs, for all outputs of a model. */
    public static Inference of(String model) {
        return new Inference(model, OptionalLong.empty(), List.of(), List.of(), "", Map.of(), CorrelationId.NONE, false,
                false, 0, Duration.ZERO);
    }

    /** Returns the request to that version. */
    public Inference withVersion(long number) {
        return new Inference(model, OptionalLong.of(number), inputs, outputs, id, parameters, sequence, isSequenceStart,
                isSequenceEnd, priority, timeout);
    }

    /**
     * Returns the request with one more input.
     *
     * @param data the elements, little endian, row by row; strings as {@code BytesElements} writes them
     */
    public Inference input(String name, DataType dataType, Shape shape, MemorySegment data) {
        List<Tensor> more = new ArrayList<>(inputs);
        more.add(new Tensor(name, dataType, shape, data));
        return new Inference(model, version, more, outputs, id, parameters, sequence, isSequenceStart, isSequenceEnd,
                priority, timeout);
    }

    /** Returns the request for those outputs only. */
    public Inference requesting(String... names) {
        return new Inference(model, version, inputs, List.of(names), id, parameters, sequence, isSequenceStart,
                isSequenceEnd, priority, timeout);
    }

    /** Returns the request with that name. */
    public Inference withId(String value) {
        return new Inference(model, version, inputs, outputs, value, parameters, sequence, isSequenceStart,
                isSequenceEnd, priority, timeout);
    }

    /** Returns the request with one more parameter. */
    public Inference withParameter(String name, Parameter value) {
        Map<String, Parameter> more = new HashMap<>(parameters);
        more.put(name, value);
        return new Inference(model, version, inputs, outputs, id, more, sequence, isSequenceStart, isSequenceEnd,
                priority, timeout);
    }

    /** Returns the request as a part of a sequence. */
    public Inference inSequence(CorrelationId correlation, boolean isStart, boolean isEnd) {
        return new Inference(model, version, inputs, outputs, id, parameters, correlation, isStart, isEnd, priority,
                timeout);
    }

    /** Returns the request with that priority. */
    public Inference withPriority(long value) {
        return new Inference(model, version, inputs, outputs, id, parameters, sequence, isSequenceStart, isSequenceEnd,
                value, timeout);
    }

    /** Returns the request with that limit. */
    public Inference withTimeout(Duration value) {
        return new Inference(model, version, inputs, outputs, id, parameters, sequence, isSequenceStart, isSequenceEnd,
                priority, value);
    }
}
