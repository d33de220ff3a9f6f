package dev.nereid.isolation.child;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceRequest;
import java.util.List;

/** Requests that are executed together. The server measures; marks that are made here are not needed. */
final class WorkerBatch implements Batch {
    private final List<InferenceRequest> requests;
    private final int rows;

    WorkerBatch(List<WorkerRequest> requests) {
        this.requests = List.copyOf(requests);
        this.rows = requests.stream().mapToInt(WorkerRequest::batchSize).sum();
    }

    @Override
    public List<InferenceRequest> requests() {
        return requests;
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public void markComputeStart() {
    }

    @Override
    public void markComputeEnd() {
    }
}
