package dev.nereid.engine.request;

import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/** A response as its receiver gets it. */
final class SentResponse extends AtomicBoolean implements Response {
    private static final long serialVersionUID = 1L;

    private final transient List<Tensor> outputs;
    private final transient Map<String, Parameter> parameters;
    private final transient PendingResponse response;

    SentResponse(List<Tensor> outputs, Map<String, Parameter> parameters, PendingResponse response) {
        this.outputs = outputs;
        this.parameters = parameters;
        this.response = response;
    }

    @Override
    public List<Tensor> outputs() {
        return outputs;
    }

    @Override
    public Map<String, Parameter> parameters() {
        return parameters;
    }

    /** Returns the bytes that the response occupies while it is not closed, with an allowance for its objects. */
    long occupiedBytes() {
        return response.occupiedBytes();
    }

    @Override
    public void close() {
        // The value tells whether it is closed: an object fewer for each request.
        if (compareAndSet(false, true)) {
            response.close();
        }
    }
}
