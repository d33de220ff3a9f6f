package dev.nereid.engine.request;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A request on its way through the engine.
 *
 * <p>Threads: built by the front end, then owned by the dispatcher, then by the thread that executes its batch; each
 * hand-over goes through a lock or a volatile write. The answer is kept until the whole batch is done and then given to
 * the sink, so that statistics are complete when a client sees its response; partial responses of decoupled models
 * leave at once. The thread that waits in {@link #await()} may be lent to execute a batch.
 */
public final class EngineRequest implements InferenceRequest {
    private final Content content;
    private final ModelIo io;
    private final BufferPool pool;
    private final ResponseSink sink;
    /** The responses that are not sent yet, each of which knows the next. */
    private @Nullable EngineResponse openResponses;

    private final long startNanos;
    private long queuedNanos;
    private boolean isAnswered;
    private boolean endsWithoutResponse;
    private @Nullable InferenceResult result;
    private @Nullable InferenceException error;
    private FailureReason failureReason = FailureReason.BACKEND;

    private volatile boolean isCancelled;
    private volatile boolean isDone;
    private volatile @Nullable Runnable assignment;
    private volatile @Nullable Thread waiter;
    private boolean lendsThread;
    private RequestTrace trace = RequestTrace.OFF;
    private BooleanSupplier cancelSource = () -> false;

    /**
     * What the client sent, checked against the model.
     *
     * @param data what the client sent
     * @param inputs in the order of the configuration
     * @param batchSize the first dimension where the model batches, else 1
     * @param requestedOutputs the outputs to answer with
     */
    public record Content(RequestData data, List<Tensor> inputs, int batchSize, Set<String> requestedOutputs) {
    }

    /**
     * What the engine knows of the model.
     *
     * @param isDecoupled whether a request may have any number of responses
     * @param outputShapes how output shapes are shown to clients
     */
    public record ModelIo(boolean isDecoupled, OutputShapes outputShapes) {
    }

    /** Creates a request that starts now. */
    public EngineRequest(Content content, ModelIo io, BufferPool pool, ResponseSink sink, long startNanos) {
        this.content = content;
        this.io = io;
        this.pool = pool;
        this.sink = sink;
        this.startNanos = startNanos;
    }

    @Override
    public String id() {
        return content.data().id();
    }

    @Override
    public CorrelationId correlationId() {
        return content.data().correlationId();
    }

    @Override
    public boolean isSequenceStart() {
        return content.data().isSequenceStart();
    }

    @Override
    public boolean isSequenceEnd() {
        return content.data().isSequenceEnd();
    }

    /** Returns the client's priority; 0 for the default. */
    public long priority() {
        return content.data().priority();
    }

    @Override
    public long timeoutMicros() {
        return content.data().timeoutMicros();
    }

    @Override
    public Map<String, Parameter> parameters() {
        return content.data().parameters();
    }

    @Override
    public List<Tensor> inputs() {
        return content.inputs();
    }

    @Override
    public Optional<Tensor> input(String name) {
        for (Tensor input : content.inputs()) {
            if (input.name().equals(name)) {
                return Optional.of(input);
            }
        }
        return Optional.empty();
    }

    @Override
    public int batchSize() {
        return content.batchSize();
    }

    @Override
    public boolean isOutputRequested(String name) {
        return content.requestedOutputs().contains(name);
    }

    @Override
    public boolean isCancelled() {
        return isCancelled || cancelSource.getAsBoolean();
    }

    /** Says, before the request is submitted, what else tells that nobody waits for the answer any more. */
    public void cancelWhen(BooleanSupplier isGone) {
        cancelSource = isGone;
    }

    /** Marks that the client has gone. The request is dropped where it still waits. */
    public void cancel() {
        isCancelled = true;
    }

    @Override
    public boolean isAnswered() {
        return isAnswered;
    }

    @Override
    public InferenceResponse newResponse() {
        if (isAnswered) {
            throw new IllegalStateException("request " + id() + " is already answered");
        }
        EngineResponse response = new EngineResponse(this, openResponses);
        openResponses = response;
        return response;
    }

    void send(EngineResponse response, boolean isFinal) {
        if (isAnswered) {
            throw new IllegalStateException("request " + id() + " is already answered");
        }
        if (!isFinal && !io.isDecoupled()) {
            throw InferenceException.unsupported("a model that is not decoupled sends one response for each request");
        }
        InferenceResult finished = response.finish(io.outputShapes());
        trace.mark(TracePoint.INFER_RESPONSE_COMPLETE);
        trace.backendOutputs(finished.outputs());
        openResponses = response.removedFrom(openResponses);
        if (isFinal) {
            isAnswered = true;
            result = finished;
        } else {
            sink.response(finished, false);
        }
    }

    @Override
    public void fail(InferenceException failure) {
        if (isAnswered) {
            throw new IllegalStateException("request " + id() + " is already answered");
        }
        isAnswered = true;
        error = failure;
        failureReason = FailureReason.ofExecution(failure.code());
    }

    @Override
    public void complete() {
        if (isAnswered) {
            throw new IllegalStateException("request " + id() + " is already answered");
        }
        if (!io.isDecoupled()) {
            throw InferenceException.unsupported("a model that is not decoupled sends one response for each request");
        }
        isAnswered = true;
        endsWithoutResponse = true;
    }

    /** Ends a request that was never executed, or whose batch failed as a whole. */
    public void failUnanswered(InferenceException failure, FailureReason reason) {
        if (!isAnswered) {
            isAnswered = true;
            error = failure;
            failureReason = reason;
        }
    }

    /** Returns why the request failed, or null where it succeeded. */
    @Nullable
    public FailureReason failure() {
        return error == null ? null : failureReason;
    }

    /** Gives the kept answer to the sink and wakes who waits. Called once, by the thread that executed the batch. */
    public void deliver() {
        for (EngineResponse response = openResponses; response != null; response = response.next()) {
            response.drop();
        }
        openResponses = null;
        trace.mark(TracePoint.REQUEST_END);
        if (error != null) {
            sink.failure(error);
        } else if (result != null) {
            sink.response(result, true);
        } else if (endsWithoutResponse) {
            sink.end();
        } else {
            sink.failure(new InferenceException(StatusCode.INTERNAL, "the request ended without an answer"));
        }
        isDone = true;
        wake();
    }

    /** Notes the request's way in a trace. Before it is submitted. */
    public void tracedBy(RequestTrace value) {
        trace = value;
    }

    public RequestTrace trace() {
        return trace;
    }

    BufferPool pool() {
        return pool;
    }

    public long startNanos() {
        return startNanos;
    }

    public long queuedNanos() {
        return queuedNanos;
    }

    public void queuedAt(long nanos) {
        queuedNanos = nanos;
        trace.mark(TracePoint.QUEUE_START, nanos);
    }

    /** Says, before the request is submitted, that its thread will call {@link #await()} and may execute batches. */
    public void lendThread() {
        lendsThread = true;
    }

    public boolean lendsThread() {
        return lendsThread;
    }

    /** Returns whether the current thread waits for this request's answer. */
    public boolean isOfCurrentThread() {
        return waiter == Thread.currentThread();
    }

    /**
     * Lends the waiting thread: to execute the request's batch, or to answer its requests. Only for requests that
     * {@link #lendsThread()}, and the one after the other.
     */
    public void assign(Runnable work) {
        assignment = work;
        wake();
    }

    private void wake() {
        Thread thread = waiter;
        if (thread != null) {
            LockSupport.unpark(thread);
        }
    }

    /**
     * Waits until the request is answered; executes what is assigned to this thread meanwhile.
     *
     * <p>No wake-up can be lost. Who assigns a batch or ends the request writes {@code assignment} or {@code isDone} and
     * then reads {@code waiter}; this thread writes {@code waiter} and then reads the two. All are volatile, so at least
     * one side sees what the other wrote: either the waker unparks this thread, whose permit makes the next park return
     * at once, or this thread finds the work before it parks. Each round looks at both fields after the park before, so
     * a permit that was used up stands for something that is looked at. A request is in one batch only, and who is lent its
     * thread to execute that does not lend it again to answer, so that no second assignment can overwrite the first.
     */
    public void await() {
        waiter = Thread.currentThread();
        boolean interrupted = false;
        while (true) {
            Runnable work = assignment;
            if (work != null) {
                assignment = null;
                // Who interrupts a client's thread must not end the execution of other clients' requests.
                interrupted |= Thread.interrupted();
                work.run();
            } else if (isDone) {
                break;
            } else {
                LockSupport.park(this);
                // An interrupt must not end the wait: the request's memory is in use until it is answered.
                interrupted |= Thread.interrupted();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
