package dev.nereid.backend.iterative;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** Keeps a counter for each sequence that it counts down. Used by one thread at a time. */
final class CountingInstance implements ModelInstance {
    private final Duration delay;
    private final Map<CorrelationId, Integer> counters = new HashMap<>();

    CountingInstance(Duration delay) {
        this.delay = delay;
    }

    @Override
    public void execute(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            // Nobody asks for the output of a request that fills a gap.
            if (request.isOutputRequested("OUTPUT")) {
                count(request);
            } else {
                request.complete();
            }
        }
    }

    private void count(InferenceRequest request) {
        Tensor input = request.input("INPUT").orElse(null);
        if (input == null) {
            request.fail(InferenceException.invalid("request has no input 'INPUT'"));
            return;
        }
        CorrelationId sequence = request.correlationId();
        Integer before = request.isSequenceStart() ? null : counters.get(sequence);
        int left = (before == null ? input.data().get(ValueLayout.JAVA_INT_UNALIGNED, 0) : before) - 1;
        if (left <= 0) {
            counters.remove(sequence);
            answer(request, input, left).send();
            return;
        }
        try {
            pause();
            request.executeAgain();
        } catch (InferenceException e) {
            counters.remove(sequence);
            request.fail(e);
            return;
        }
        counters.put(sequence, left);
        answer(request, input, left).sendPartial();
    }

    private static InferenceResponse answer(InferenceRequest request, Tensor input, int left) {
        InferenceResponse response = request.newResponse();
        response.copyOutput("OUTPUT", DataType.INT32, input.shape(), MemorySegment.ofArray(new int[]{left}));
        return response;
    }

    private void pause() {
        try {
            Thread.sleep(delay);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InferenceException(StatusCode.CANCELLED, "the execution was interrupted", e);
        }
    }
}
