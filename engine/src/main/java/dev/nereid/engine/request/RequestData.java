package dev.nereid.engine.request;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.Parameter;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A request as the client sent it, not yet checked against a model.
 *
 * <p>Other than in {@link dev.nereid.engine.Inference}, which programs make, inputs may be wrong here in every way that a
 * wire allows (unknown datatypes, negative dimensions, nothing but bytes), so that it is the engine which refuses them,
 * with the protocol's texts; and there is no model, since that was looked up before the request could be decoded.
 *
 * @param id the client's id; empty for none
 * @param parameters the client's own parameters
 * @param correlationId the sequence that the request belongs to
 * @param isSequenceStart whether it starts the sequence
 * @param isSequenceEnd whether it ends the sequence
 * @param priority the priority, unsigned; 0 for the default
 * @param timeoutMicros the client's timeout, unsigned; 0 for none
 * @param inputs the inputs in the order of the request
 * @param requestedOutputs the outputs that the client listed; empty for all
 * @param isRaw whether there is one input without name, datatype and shape, to be taken from the model's configuration
 */
public record RequestData(String id, Map<String, Parameter> parameters, CorrelationId correlationId,
        boolean isSequenceStart, boolean isSequenceEnd, long priority, long timeoutMicros, List<InputData> inputs,
        List<String> requestedOutputs, boolean isRaw) {
    private static final String RAW_INPUT = "raw_input";

    /** Copies lists and map. */
    public RequestData {
        parameters = Map.copyOf(parameters);
        inputs = List.copyOf(inputs);
        requestedOutputs = List.copyOf(requestedOutputs);
    }

    /** Returns a request whose one input is nothing but bytes. */
    public static RequestData raw(MemorySegment body) {
        InputData input = new InputData(RAW_INPUT, Optional.empty(), new long[0], body);
        return new RequestData("", Map.of(), CorrelationId.NONE, false, false, 0, 0, List.of(input), List.of(), true);
    }

    /** Returns this request with more parameters, which replace those of the same name. */
    public RequestData withParameters(Map<String, Parameter> more) {
        if (more.isEmpty()) {
            return this;
        }
        Map<String, Parameter> all = new HashMap<>(parameters);
        all.putAll(more);
        return new RequestData(id, all, correlationId, isSequenceStart, isSequenceEnd, priority, timeoutMicros, inputs,
                requestedOutputs, isRaw);
    }
}
