package dev.nereid.backend.api;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * A request from one model to another. Immutable: every method returns a changed copy.
 *
 * @param model the model to call
 * @param version its version; empty for the one that clients get who ask for none
 * @param inputs the inputs, in host memory; with the batch dimension where the called model batches
 * @param outputs the outputs that are wanted; empty for all
 * @param parameters the request's parameters
 * @param callers the requests that the call is made for: it is cancelled when the clients of all of them have gone;
 *     empty for a call that is never cancelled
 * @param sequence the sequence of the called model that the call is part of; empty for none
 */
public record ModelCall(String model, OptionalLong version, List<Tensor> inputs, Set<String> outputs,
        Map<String, Parameter> parameters, List<InferenceRequest> callers, Optional<Step> sequence) {
    /** Copies the collections. */
    public ModelCall {
        inputs = List.copyOf(inputs);
        outputs = Set.copyOf(outputs);
        parameters = Map.copyOf(parameters);
        callers = List.copyOf(callers);
    }

    /** Creates a call that is not part of a sequence. */
    public ModelCall(String model, OptionalLong version, List<Tensor> inputs, Set<String> outputs,
            Map<String, Parameter> parameters, List<InferenceRequest> callers) {
        this(model, version, inputs, outputs, parameters, callers, Optional.empty());
    }

    /**
     * Where in a sequence a call is.
     *
     * @param id the sequence, present
     * @param isStart whether the call starts it
     * @param isEnd whether the call ends it
     */
    @Experimental(since = "1.1")
    public record Step(CorrelationId id, boolean isStart, boolean isEnd) {
    }

    /** Returns a call of a model with those inputs, for all its outputs. */
    public static ModelCall of(String model, Tensor... inputs) {
        return new ModelCall(model, OptionalLong.empty(), List.of(inputs), Set.of(), Map.of(), List.of());
    }

    /** Returns the call of that version. */
    public ModelCall withVersion(long number) {
        return new ModelCall(model, OptionalLong.of(number), inputs, outputs, parameters, callers, sequence);
    }

    /** Returns the call for those outputs only. */
    public ModelCall requesting(String... names) {
        return new ModelCall(model, version, inputs, Set.of(names), parameters, callers, sequence);
    }

    /** Returns the call with one more parameter. */
    public ModelCall withParameter(String name, Parameter value) {
        Map<String, Parameter> more = new HashMap<>(parameters);
        more.put(name, value);
        return new ModelCall(model, version, inputs, outputs, more, callers, sequence);
    }

    /** Returns the call on behalf of those requests, such as all of a batch. */
    public ModelCall onBehalfOf(InferenceRequest... requests) {
        return new ModelCall(model, version, inputs, outputs, parameters, List.of(requests), sequence);
    }

    /** Returns the call on behalf of those requests, such as all of a batch. */
    public ModelCall onBehalfOf(List<InferenceRequest> requests) {
        return new ModelCall(model, version, inputs, outputs, parameters, requests, sequence);
    }

    /**
     * Returns the call as part of a sequence, for a model with sequence batching. The calls of a sequence are made one after
     * the other.
     */
    @Experimental(since = "1.1")
    public ModelCall inSequence(CorrelationId id, boolean isStart, boolean isEnd) {
        return new ModelCall(model, version, inputs, outputs, parameters, callers,
                Optional.of(new Step(id, isStart, isEnd)));
    }

    /** Returns whether nobody waits for the answer any more. May turn true at any time. */
    public boolean isCancelled() {
        for (InferenceRequest caller : callers) {
            if (!caller.isCancelled()) {
                return false;
            }
        }
        return !callers.isEmpty();
    }
}
