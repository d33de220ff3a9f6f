package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceRequest;
import java.util.List;

/** A batch inside the test engine. */
final class EngineBatch implements Batch {
    private final List<InferenceRequest> requests;

    EngineBatch(List<EngineRequest> requests) {
        this.requests = List.copyOf(requests);
    }

    @Override
    public List<InferenceRequest> requests() {
        return requests;
    }

    @Override
    public int rows() {
        return requests.stream().mapToInt(InferenceRequest::batchSize).sum();
    }

    @Override
    public void markComputeStart() {
    }

    @Override
    public void markComputeEnd() {
    }
}
