package dev.nereid.server.http;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The backend of these tests. It copies, after what request parameters ask for: {@code delay_ms}; {@code hold}, until
 * the test goes on or the request is cancelled; {@code fail}. With {@code answers} it sends that many, for a decoupled model,
 * and then ends the request: with the error {@code broken} where there is that parameter; {@code later} says that this comes
 * from another thread; {@code hold} then holds up each answer after the first; {@code unwritable} has answers that JSON can't
 * carry.
 */
final class EchoBackend {
    static final String NAME = "echo";

    private final Semaphore held = new Semaphore(0);
    private final Semaphore released = new Semaphore(0);
    private final Queue<List<String>> batches = new ConcurrentLinkedQueue<>();
    private final AtomicInteger cancelled = new AtomicInteger();
    private volatile List<MemoryUsage> memoryUsage = List.of();
    private volatile Runnable afterEach = () -> {
    };

    private volatile Consumer<String> beforeLoad = model -> {
    };

    /** Has something done before a model is loaded, whose name it gets; what it throws fails the load. */
    void beforeEachLoad(Consumer<String> action) {
        beforeLoad = action;
    }

    FakeBackend factory() {
        return new FakeBackend(NAME).onCreateModel(context -> beforeLoad.accept(context.name()))
                .onExecute(this::execute).memoryUsage(() -> memoryUsage);
    }

    /** Sets what every model says about its memory. */
    void memoryUsage(List<MemoryUsage> value) {
        memoryUsage = value;
    }

    /** Has something done when the outputs of an execution are made, and before they are sent on. */
    void afterEachExecution(Runnable action) {
        afterEach = action;
    }

    /** Waits until a request is held. */
    void awaitHeld() throws InterruptedException {
        if (!held.tryAcquire(30, TimeUnit.SECONDS)) {
            throw new AssertionError("no request is held");
        }
    }

    /** Lets one held request go on. */
    void release() {
        released.release();
    }

    /** Returns the ids of the requests of each execution so far. */
    List<List<String>> batches() {
        return List.copyOf(batches);
    }

    private void execute(Batch batch) {
        batches.add(batch.requests().stream().map(InferenceRequest::id).toList());
        if (batch.requests().stream().anyMatch(request -> request.parameters().containsKey("answers"))) {
            batch.requests().forEach(this::stream);
            return;
        }
        for (InferenceRequest request : batch.requests()) {
            if (request.parameters().get("delay_ms") instanceof Parameter.Int delay) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(delay.value()));
            }
            if (request.parameters().get("fail") instanceof Parameter.Text text) {
                throw InferenceException.unavailable(text.value());
            }
            if (request.parameters().containsKey("hold")) {
                hold(request);
            }
        }
        FakeBackend.echo(batch);
        afterEach.run();
    }

    private void stream(InferenceRequest request) {
        if (request.parameters().containsKey("later")) {
            request.answerLater();
            Thread.ofVirtual().start(() -> answer(request));
        } else {
            answer(request);
        }
    }

    private void answer(InferenceRequest request) {
        long answers = request.parameters().get("answers") instanceof Parameter.Int count ? count.value() : 0;
        try {
            for (long i = 0; i < answers; i++) {
                if (i > 0 && request.parameters().containsKey("hold")) {
                    hold(request);
                }
                if (request.isCancelled()) {
                    throw new InferenceException(StatusCode.CANCELLED, "given up");
                }
                InferenceResponse response = request.newResponse();
                Tensor input = request.inputs().getFirst();
                boolean isWritable = !request.parameters().containsKey("unwritable");
                response.copyOutput("OUTPUT0", isWritable ? input.dataType() : DataType.BF16, input.shape(),
                        isWritable ? input.data() : input.data().asSlice(0, 2));
                response.sendPartial();
            }
            if (request.parameters().containsKey("broken")) {
                throw InferenceException.unavailable("broken");
            }
            request.complete();
        } catch (InferenceException e) {
            cancelled.addAndGet(e.code() == StatusCode.CANCELLED ? 1 : 0);
            request.fail(e);
        }
    }

    /** Returns how many streams were given up. */
    int cancelled() {
        return cancelled.get();
    }

    private void hold(InferenceRequest request) {
        held.release();
        while (!released.tryAcquire()) {
            if (request.isCancelled()) {
                throw new InferenceException(StatusCode.CANCELLED, "given up");
            }
            LockSupport.parkNanos(1_000_000);
        }
    }
}
