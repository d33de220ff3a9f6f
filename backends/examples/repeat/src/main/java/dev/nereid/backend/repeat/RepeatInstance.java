package dev.nereid.backend.repeat;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Answers each request from a thread of its own. The inputs are copied before: they are gone once the request is answered,
 * which may happen while this still waits.
 */
final class RepeatInstance implements ModelInstance {
    /** How long to sleep before looking whether anybody still waits. */
    private static final Duration LOOK = Duration.ofMillis(20);
    private static final Shape ONE = Shape.of(1);

    private final ExecutorService threads = Executors
            .newThreadPerTaskExecutor(Thread.ofVirtual().name("repeat-", 0).factory());

    @Override
    public void execute(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            try {
                start(request);
            } catch (InferenceException e) {
                request.fail(e);
            }
        }
    }

    private void start(InferenceRequest request) {
        Tensor in = input(request, "IN");
        Tensor delay = input(request, "DELAY");
        if (!in.shape().equals(delay.shape())) {
            throw InferenceException.invalid(
                    "expected IN and DELAY shape to match, got " + in.shape() + " and " + delay.shape());
        }
        int[] values = ints(in);
        int[] delays = ints(delay);
        long wait = Integer.toUnsignedLong(ints(input(request, "WAIT"))[0]);
        request.answerLater();
        threads.execute(() -> answer(request, values, delays));
        boolean ignored = sleep(request, wait);
    }

    private static Tensor input(InferenceRequest request, String name) {
        return request.input(name).orElseThrow(() -> InferenceException.invalid("request has no input '" + name + "'"));
    }

    private static int[] ints(Tensor tensor) {
        return tensor.data().toArray(ValueLayout.JAVA_INT_UNALIGNED);
    }

    private static void answer(InferenceRequest request, int[] values, int[] delays) {
        for (int i = 0; i < values.length; i++) {
            if (!sleep(request, Integer.toUnsignedLong(delays[i]))) {
                request.fail(new InferenceException(StatusCode.CANCELLED, "the request was cancelled"));
                return;
            }
            InferenceResponse response = request.newResponse();
            response.copyOutput("OUT", DataType.INT32, ONE, MemorySegment.ofArray(new int[]{values[i]}));
            response.copyOutput("IDX", DataType.UINT32, ONE, MemorySegment.ofArray(new int[]{i}));
            response.sendPartial();
        }
        request.complete();
    }

    /** Returns false, and at once, where nobody waits for the request any more. */
    private static boolean sleep(InferenceRequest request, long millis) {
        long end = System.nanoTime() + Duration.ofMillis(millis).toNanos();
        try {
            for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
                if (request.isCancelled()) {
                    return false;
                }
                Thread.sleep(Duration.ofNanos(Math.min(left, LOOK.toNanos())));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        return !request.isCancelled();
    }

    /** Waits for the threads: those of requests that the server has ended see it within a moment. */
    @Override
    public void close() {
        threads.close();
    }
}
