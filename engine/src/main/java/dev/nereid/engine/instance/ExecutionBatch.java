package dev.nereid.engine.instance;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.stats.BatchTimes;
import java.util.Collections;
import java.util.List;
import java.util.function.LongSupplier;

/** Requests that go to an instance together. Used by one thread. */
public final class ExecutionBatch implements Batch {
    private final List<ActiveRequest> requests;
    private final LongSupplier clock;
    private final int rows;
    private final int standIns;
    private long computeStart;
    private long inputEnd;
    private long outputStart;

    public ExecutionBatch(List<ActiveRequest> requests, LongSupplier clock) {
        this.requests = requests;
        this.clock = clock;
        int sum = 0;
        int gaps = 0;
        for (int i = 0; i < requests.size(); i++) {
            ActiveRequest request = requests.get(i);
            sum += request.batchSize();
            gaps += request.isStandIn() ? 1 : 0;
        }
        this.rows = sum;
        this.standIns = gaps;
    }

    public List<ActiveRequest> engineRequests() {
        return requests;
    }

    /** Returns how many of the requests somebody waits for. */
    public int requestCount() {
        return requests.size() - standIns;
    }

    @Override
    public List<InferenceRequest> requests() {
        return Collections.<InferenceRequest>unmodifiableList(requests);
    }

    @Override
    public int rows() {
        return rows;
    }

    void start() {
        computeStart = clock.getAsLong();
        for (int i = 0; i < requests.size(); i++) {
            requests.get(i).executionStarts(computeStart, clock);
        }
    }

    @Override
    public void markComputeStart() {
        if (inputEnd == 0) {
            inputEnd = clock.getAsLong();
        }
    }

    @Override
    public void markComputeEnd() {
        if (outputStart == 0) {
            outputStart = clock.getAsLong();
        }
    }

    BatchTimes end() {
        long now = clock.getAsLong();
        long output = outputStart == 0 ? now : outputStart;
        long input = inputEnd == 0 ? output : Math.min(inputEnd, output);
        return new BatchTimes(computeStart, input, output, now);
    }
}
