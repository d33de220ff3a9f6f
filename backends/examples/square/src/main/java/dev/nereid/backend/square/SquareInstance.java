package dev.nereid.backend.square;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Answers each request while it executes it. */
final class SquareInstance implements ModelInstance {
    private static final Shape ONE = Shape.of(1);

    private final int fails;
    private final int empties;

    SquareInstance(int fails, int empties) {
        this.fails = fails;
        this.empties = empties;
    }

    @Override
    public void execute(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            try {
                answer(request);
            } catch (InferenceException e) {
                request.fail(e);
            }
        }
    }

    private void answer(InferenceRequest request) {
        int number = request.input("IN")
                .orElseThrow(() -> InferenceException.invalid("request has no input 'IN'")).data()
                .get(ValueLayout.JAVA_INT_UNALIGNED, 0);
        long shown = Math.max(0, (long) number - empties);
        long good = Math.max(0, shown - fails);
        for (long i = 0; i < good; i++) {
            if (request.isCancelled()) {
                throw new InferenceException(StatusCode.CANCELLED, "the request was cancelled");
            }
            InferenceResponse response = request.newResponse();
            response.copyOutput("OUT", DataType.INT32, ONE, MemorySegment.ofArray(new int[]{number}));
            response.sendPartial();
        }
        if (shown > good) {
            throw new InferenceException(StatusCode.UNKNOWN, "simulated failure");
        }
        request.complete();
    }
}
