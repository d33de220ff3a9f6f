package dev.nereid.engine.request;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;

/**
 * What the check of a request against its model found out.
 *
 * @param inputs the inputs in the order of the configuration, in the shape that the backend gets; optional ones may be
 *     missing
 * @param batchSize the first dimension where the model batches, else 1
 * @param requestedOutputs the outputs that the client wants, none of them twice; never empty for a model with outputs
 */
public record CheckedRequest(List<Tensor> inputs, int batchSize, List<String> requestedOutputs) {
    /** Copies the lists. */
    public CheckedRequest {
        inputs = List.copyOf(inputs);
        requestedOutputs = List.copyOf(requestedOutputs);
    }
}
