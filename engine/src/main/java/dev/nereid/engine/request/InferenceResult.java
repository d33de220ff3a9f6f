package dev.nereid.engine.request;

import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;
import java.util.Map;

/** A response as the front end gets it. Whoever gets it closes it once the outputs are written. */
public final class InferenceResult implements AutoCloseable {
    private final List<Tensor> outputs;
    private final Map<String, Parameter> parameters;
    private final EngineResponse response;
    private boolean isClosed;

    InferenceResult(List<Tensor> outputs, Map<String, Parameter> parameters, EngineResponse response) {
        this.outputs = outputs;
        this.parameters = parameters;
        this.response = response;
    }

    /** Returns the outputs in the order in which the backend added them. */
    public List<Tensor> outputs() {
        return outputs;
    }

    /** Returns the response parameters in the order in which the backend set them. */
    public Map<String, Parameter> parameters() {
        return parameters;
    }

    /** Releases the memory of the outputs. Further calls do nothing. */
    @Override
    public void close() {
        if (!isClosed) {
            isClosed = true;
            response.release();
        }
    }
}
