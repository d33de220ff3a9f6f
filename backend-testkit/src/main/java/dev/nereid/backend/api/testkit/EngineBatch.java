package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceRequest;
import java.util.List;

/** A batch inside the test engine. Used by the thread that executes it. */
final class EngineBatch implements Batch {
    private final List<InferenceRequest> requests;
    private final long begin = System.nanoTime();
    private boolean isInputEnded;
    private long inputEnd;
    private boolean isOutputStarted;
    private long outputStart;

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
        if (!isInputEnded) {
            isInputEnded = true;
            inputEnd = System.nanoTime();
        }
    }

    @Override
    public void markComputeEnd() {
        if (!isOutputStarted) {
            isOutputStarted = true;
            outputStart = System.nanoTime();
        }
    }

    /** Divides the time until now, as the server does. */
    TestTimes end() {
        long whole = System.nanoTime() - begin;
        long output = isOutputStarted ? outputStart - begin : whole;
        long input = isInputEnded ? Math.min(inputEnd - begin, output) : output;
        return new TestTimes(input, output - input, whole - output);
    }
}
