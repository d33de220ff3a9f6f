package dev.nereid.backend.api;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
 */
public record ModelCall(String model, OptionalLong version, List<Tensor> inputs, Set<String> outputs,
        Map<String, Parameter> parameters, List<InferenceRequest> callers) {
    /** Copies the collections. */
    public ModelCall {
        inputs = List.copyOf(inputs);
        outputs = Set.copyOf(outputs);
        parameters = Map.copyOf(parameters);
        callers = List.copyOf(callers);
    }

    /** Returns a call of a model with those inputs, for all its outputs. */
    public static ModelCall of(String model, Tensor... inputs) {
        return new ModelCall(model, OptionalLong.empty(), List.of(inputs), Set.of(), Map.of(), List.of());
    }

    /** Returns the call of that version. */
    public ModelCall withVersion(long number) {
        return new ModelCall(model, OptionalLong.of(number), inputs, outputs, parameters, callers);
    }

    /** Returns the call for those outputs only. */
    public ModelCall requesting(String... names) {
        return new ModelCall(model, version, inputs, Set.of(names), parameters, callers);
    }

    /** Returns the call with one more parameter. */
    public ModelCall withParameter(String name, Parameter value) {
        Map<String, Parameter> more = new HashMap<>(parameters);
        more.put(name, value);
        return new ModelCall(model, version, inputs, outputs, more, callers);
    }

    /** Returns the call on behalf of those requests, such as all of a batch. */
    public ModelCall onBehalfOf(InferenceRequest... requests) {
        return new ModelCall(model, version, inputs, outputs, parameters, List.of(requests));
    }

    /** Returns the call on behalf of those requests, such as all of a batch. */
    public ModelCall onBehalfOf(List<InferenceRequest> requests) {
        return new ModelCall(model, version, inputs, outputs, parameters, requests);
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
