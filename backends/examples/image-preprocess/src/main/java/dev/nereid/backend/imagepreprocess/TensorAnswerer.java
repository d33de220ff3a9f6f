package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.MemorySegment;

/** Answers with the tensor itself. */
final class TensorAnswerer implements Answerer {
    private final String output;

    TensorAnswerer(ModelConfig config) {
        this.output = config.outputs().getFirst().name();
    }

    @Override
    public void answer(InferenceRequest request, Shape shape, MemorySegment tensor) {
        InferenceResponse response = request.newResponse();
        if (request.isOutputRequested(output)) {
            response.copyOutput(output, DataType.FP32, shape, tensor);
        }
        response.send();
    }
}
