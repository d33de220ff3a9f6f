package dev.nereid.engine.request;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.stats.BatchTimes;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.RequestRecord;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A request on its way through the engine.
 *
 * <p>Threads: built by whoever submits it, then owned by the scheduler, then by the thread that executes its batch, and,
 * where its backend says that it answers later, by whichever thread does; each hand-over goes through a lock or a volatile
 * write. One state says where the request is, and only one thread can take it to {@link RequestState#ANSWERED}:
 *
 * <pre>
 * CREATED ─► QUEUED ─► EXECUTING ──────────────────► ANSWERED ─► ENDED
 *                          └─► DETACHED ─► LATE ────────┘
 * </pre>
 *
 * From each state in which a backend may answer, it may instead have the request executed again: it is then
 * {@link RequestState#AGAIN} until it is QUEUED once more.
 *
 * The last answer is kept until the whole batch is done and then given to the listener, so that statistics are complete
 * when a client sees its response; the last answer of a request that is LATE, whose execution has returned, leaves at once.
 * Responses before the last leave at once, too.
 */
public final class ActiveRequest implements InferenceRequest, RequestRecord, Ticket {
    private static final Logger LOGGER = System.getLogger(ActiveRequest.class.getName());
    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(ActiveRequest.class, "state", RequestState.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final RequestData NO_DATA = new RequestData("", Map.of(), CorrelationId.NONE, false, false, 0, 0,
            List.of(), List.of(), false);
    private static final ResponseListener NOBODY = new ResponseListener() {
        @Override
        public void response(Response response, boolean isLast) {
            response.close();
        }

        @Override
        public void end(@Nullable InferenceException error) {
        }
    };

    private final Content content;
    private final ModelIo io;
    private final BufferPool pool;
    private final ResponseListener listener;
    /** Counts the responses; null where there is one at most. */
    private final @Nullable ResponseFlow flow;
    /** What the backend gets: the client's inputs, and those that the server lays over them. */
    private List<Tensor> inputs;
    private @Nullable StateSink states;
    /** The responses that are not sent yet, each of which knows the next. */
    private @Nullable PendingResponse openResponses;

    private volatile RequestState state = RequestState.CREATED;
    private final long startNanos;
    private long queuedNanos;
    private @Nullable SentResponse result;
    private @Nullable InferenceException error;
    private FailureReason failureReason = FailureReason.BACKEND;

    private volatile boolean isCancelled;
    /** Why the engine ended the request before its backend has; nothing more of it reaches the listener. */
    private volatile @Nullable InferenceException cut;
    /** Whether a response that is not the last is on its way to the listener. */
    private volatile boolean isSending;
    /** Whether the engine ended the request, whose backend may still write into responses that it has not sent. */
    private volatile boolean isAbandoned;
    private LongSupplier clock = System::nanoTime;
    private @Nullable WaitingListener lender;
    private RequestTrace trace = RequestTrace.OFF;
    private BooleanSupplier cancelSource = () -> false;
    private Consumer<ActiveRequest> onCancel = request -> {
    };
    private @Nullable Runnable onInputsUsed;
    private @Nullable Consumer<ActiveRequest> onLateAnswer;
    /** Throws where the request may not be executed again; null where the model never has that. */
    private @Nullable Consumer<ActiveRequest> onExecuteAgain;
    /** Whether an execution has given the request back. */
    private volatile boolean isRepeated;
    /** The sequence that the server has made of a request without one. */
    private @Nullable CorrelationId ownSequence;
    private @Nullable Object attachment;
    private @Nullable AnswerObserver observer;
    private @Nullable BatchTimes times;

    /** Sees the answer to a request that has one response, before its listener does. */
    public interface AnswerObserver {
        /**
         * Takes the answer; must not close the response, and must neither block nor throw.
         *
         * @param response null where the request failed
         * @param error null where it succeeded
         */
        void answered(@Nullable Response response, @Nullable InferenceException error);
    }

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

    /** Creates a request that starts now. */
    public ActiveRequest(Content content, ModelIo io, BufferPool pool, ResponseListener listener, long startNanos) {
        this.content = content;
        this.inputs = content.inputs();
        this.io = io;
        this.pool = pool;
        this.listener = listener;
        this.startNanos = startNanos;
        this.lender = listener instanceof WaitingListener waiting ? waiting : null;
        this.flow = io.isDecoupled() ? new ResponseFlow(io) : null;
    }

    /** Returns what a request of one row sends that fills a gap in a batch. It asks for no outputs. */
    public static Content filling(List<Tensor> inputs) {
        return new Content(NO_DATA, inputs, 1, Set.of());
    }

    /**
     * Returns a request that nobody waits for, to fill a gap in a batch with this one.
     *
     * @param filling what it sends
     * @param quiet of the same model, but counts its responses elsewhere
     */
    public ActiveRequest standIn(Content filling, ModelIo quiet, long nanos) {
        return new ActiveRequest(filling, quiet, pool, NOBODY, nanos);
    }

    /**
     * Has a request that has filled a gap fill another. Returns false where that is to send something else, or where this is
     * not over.
     */
    @SuppressWarnings("ReferenceEquality") // What is sent is the same object for many gaps.
    public boolean standsInAgain(Content filling) {
        // Where the answer came late, who gave it may still be at work.
        if (content != filling || flow != null || state != RequestState.ENDED || onLateAnswer != null) {
            return false;
        }
        result = null;
        error = null;
        state = RequestState.CREATED;
        return true;
    }

    /** Returns whether this fills a gap in a batch. */
    public boolean isStandIn() {
        return listener == NOBODY;
    }

    /** Returns what is known of the model. */
    public ModelIo io() {
        return io;
    }

    @Override
    public String id() {
        return content.data().id();
    }

    @Override
    public CorrelationId correlationId() {
        CorrelationId own = ownSequence;
        return own == null ? content.data().correlationId() : own;
    }

    @Override
    public boolean isSequenceStart() {
        return !isRepeated && (ownSequence != null || content.data().isSequenceStart());
    }

    @Override
    public boolean isSequenceEnd() {
        return !isRepeated && ownSequence == null && content.data().isSequenceEnd();
    }

    /** Makes a sequence of a request that is not part of one. While it is queued. */
    public void startsSequence(CorrelationId id) {
        ownSequence = id;
    }

    /** Keeps what the queue knows of the request, for the queue alone. Under the scheduler's lock. */
    public void attach(Object value) {
        attachment = value;
    }

    /** Returns what {@link #attach} keeps; null for nothing. Under the scheduler's lock. */
    public @Nullable Object attachment() {
        return attachment;
    }

    /** Says, before the request is submitted, that it may be executed again unless {@code check} throws. */
    public void mayBeExecutedAgain(Consumer<ActiveRequest> check) {
        onExecuteAgain = check;
    }

    /** Returns whether an execution has given the request back, to be executed again. */
    public boolean isRepeated() {
        return isRepeated;
    }

    @Override
    public void executeAgain() {
        if (!state.isOpen()) {
            throw wrongState("executed again");
        }
        Consumer<ActiveRequest> check = onExecuteAgain;
        if (check == null) {
            throw InferenceException
                    .invalid("Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE, while the"
                            + " model is not configured to handle such a flag.");
        }
        check.accept(this);
        RequestState now = state;
        while (now.isOpen()) {
            if (now == RequestState.LATE) {
                storeUnsentStates();
            }
            isRepeated = true;
            if (STATE.compareAndSet(this, now, RequestState.AGAIN)) {
                Consumer<ActiveRequest> ending = onLateAnswer;
                if (now == RequestState.LATE && ending != null) {
                    ending.accept(this);
                }
                return;
            }
            now = state;
        }
        if (cut == null) {
            throw wrongState("executed again");
        }
    }

    /**
     * Puts a request that is to be executed again back to where it was before its execution. Under the scheduler's lock, when
     * its execution has returned.
     */
    public void queuedAgainAt(long nanos) {
        inputs = content.inputs();
        states = null;
        onLateAnswer = null;
        queuedAt(nanos);
    }

    /** Keeps the states that were added to responses which are not sent, and drops those. When its execution has returned. */
    public void storeUnsentStates() {
        StateSink sink = states;
        for (PendingResponse response = openResponses; response != null; response = response.next()) {
            if (sink != null) {
                response.storeStates(sink);
            }
        }
        dropOpenResponses();
    }

    /** Ends a request that was to be executed again, without a further answer. */
    public void endAgain() {
        if (STATE.compareAndSet(this, RequestState.AGAIN, RequestState.ANSWERING)) {
            settle(RequestState.AGAIN, null, null, FailureReason.OTHER);
        }
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
        return inputs;
    }

    /** Returns the inputs that the client sent, in the order of the configuration. */
    public List<Tensor> sentInputs() {
        return content.inputs();
    }

    /**
     * Lays inputs over those of the client, which they follow. Before the execution starts.
     *
     * @param more the server's own: controls and states of a sequence; they stay as they are until the request is answered
     * @param sink takes the outputs that are states, which the backend then sees as requested; null where there are none
     */
    public void overlay(List<Tensor> more, @Nullable StateSink sink) {
        if (!more.isEmpty()) {
            inputs = new JoinedList<>(content.inputs(), more);
        }
        states = sink;
    }

    @Override
    public Optional<Tensor> input(String name) {
        for (int i = 0; i < inputs.size(); i++) {
            Tensor input = inputs.get(i);
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
        return isOutputSent(name) || isState(name);
    }

    /** Returns whether the client gets that output. */
    boolean isOutputSent(String name) {
        return content.requestedOutputs().contains(name);
    }

    /** Returns whether that output is kept for the next request of the sequence. */
    boolean isState(String output) {
        StateSink sink = states;
        return sink != null && sink.takes(output);
    }

    @Override
    public boolean isCancelled() {
        return isCancelled || cut != null || cancelSource.getAsBoolean();
    }

    /** Says, before the request is submitted, what else tells that nobody waits for the answer any more. */
    public void cancelWhen(BooleanSupplier isGone) {
        cancelSource = isGone;
    }

    /** Says, before the request is submitted, who is to be told when it is cancelled. */
    public void onCancel(Consumer<ActiveRequest> action) {
        onCancel = action;
    }

    /** Says, before the request is submitted, who is to be told when its inputs are no longer needed. */
    public void onInputsUsed(Runnable action) {
        onInputsUsed = action;
    }

    /** Notes that nobody will read the inputs any more, although the answer is still to come. */
    public void inputsUsed() {
        Runnable action = onInputsUsed;
        if (action != null) {
            action.run();
        }
    }

    /** Marks that the client has gone, and has the request dropped where it still waits. */
    @Override
    public void cancel() {
        isCancelled = true;
        onCancel.accept(this);
    }

    /** Returns where the request is. */
    public RequestState state() {
        return state;
    }

    @Override
    public boolean isAnswered() {
        return !state.isOpen() && state != RequestState.CREATED && state != RequestState.QUEUED;
    }

    @Override
    public void answerLater() {
        if (!STATE.compareAndSet(this, RequestState.EXECUTING, RequestState.DETACHED)) {
            throw wrongState("answered later");
        }
    }

    private IllegalStateException wrongState(String wish) {
        RequestState now = state;
        String why = switch (now) {
            case CREATED, QUEUED -> "is not being executed yet";
            case EXECUTING -> "is being executed";
            case DETACHED, LATE -> "is to be answered later";
            case AGAIN -> "is to be executed again";
            case ANSWERING, ANSWERED, ENDED -> "is already answered";
        };
        return new IllegalStateException("request " + id() + " " + why + " and can't be " + wish);
    }

    @Override
    public InferenceResponse newResponse() {
        if (!state.isOpen() && state != RequestState.AGAIN && cut == null) {
            throw wrongState("given a response");
        }
        PendingResponse response = new PendingResponse(this, openResponses);
        openResponses = response;
        return response;
    }

    /** Starts a response whose outputs have the shapes that clients see. */
    public InferenceResponse newPresentedResponse() {
        PendingResponse response = (PendingResponse) newResponse();
        response.isPresented();
        return response;
    }

    void send(PendingResponse response, boolean isFinal) {
        if (!state.isOpen() && (isFinal || state != RequestState.AGAIN)) {
            if (cut != null) {
                dropOpenResponses();
                return;
            }
            throw wrongState("given a response");
        }
        if (!isFinal && !io.isDecoupled()) {
            throw InferenceException.unsupported("a model that is not decoupled sends one response for each request");
        }
        if (!isFinal && cut != null) {
            openResponses = response.removedFrom(openResponses);
            response.drop();
            return;
        }
        SentResponse finished = response.finish(io.outputShapes());
        trace.mark(TracePoint.INFER_RESPONSE_COMPLETE);
        trace.backendOutputs(finished.outputs());
        openResponses = response.removedFrom(openResponses);
        StateSink sink = states;
        if (sink != null) {
            try {
                response.storeStates(sink);
            } catch (InferenceException e) {
                response.discard();
                boolean ignored = answer(null, e, FailureReason.BACKEND);
                return;
            }
        }
        if (flow != null) {
            InferenceException tooSlow = flow.sent(response, clock.getAsLong(), finished.occupiedBytes());
            if (tooSlow != null && cut == null) {
                cut = tooSlow;
            }
        }
        if (isFinal) {
            answer(finished, null, FailureReason.BACKEND);
        } else {
            pass(finished);
        }
    }

    /** Gives the listener a response, unless the engine has ended the request; waits for neither. */
    private void pass(SentResponse response) {
        isSending = true;
        try {
            if (cut != null) {
                response.close();
            } else {
                listener.response(response, false);
            }
        } finally {
            isSending = false;
        }
    }

    /** Releases what its backend has not sent. By whoever may still write into it. */
    private void dropOpenResponses() {
        for (PendingResponse response = openResponses; response != null; response = response.next()) {
            response.drop();
        }
        openResponses = null;
    }

    /** Notes that the receiver has closed a response. */
    void closed(long bytes) {
        if (flow != null) {
            flow.closed(bytes);
        }
    }

    @Override
    public void fail(InferenceException failure) {
        if (!answer(null, failure, FailureReason.ofExecution(failure.code()))) {
            refused("failed");
        }
    }

    @Override
    public void complete() {
        if (!io.isDecoupled()) {
            if (!state.isOpen()) {
                throw wrongState("completed");
            }
            throw InferenceException.unsupported("a model that is not decoupled sends one response for each request");
        }
        if (!answer(null, null, FailureReason.BACKEND)) {
            refused("completed");
        }
    }

    /** Takes an answer that comes too late: a mistake of the backend, unless the engine has ended the request. */
    private void refused(String wish) {
        if (cut == null) {
            throw wrongState(wish);
        }
        if (isAbandoned) {
            dropOpenResponses();
        }
    }

    /**
     * Ends a request that was never executed, or whose batch failed as a whole; does nothing where it is answered, or to be
     * answered later.
     */
    public void failUnanswered(InferenceException failure, FailureReason reason) {
        RequestState now = state;
        if (now == RequestState.CREATED || now == RequestState.QUEUED || now == RequestState.EXECUTING
                || now == RequestState.AGAIN) {
            answer(now, null, failure, reason);
        }
        // A backend that answers from another thread, although it has not said so, may be just about to.
        while (state == RequestState.ANSWERING) {
            Thread.onSpinWait();
        }
    }

    /** Fails a request for that reason; does nothing where it is answered. */
    public void fail(InferenceException failure, FailureReason reason) {
        answer(null, failure, reason);
    }

    /** Writes the answer down. Returns whether it counts: false, and nothing is done, where the request has one. */
    private boolean answer(@Nullable SentResponse last, @Nullable InferenceException failure, FailureReason reason) {
        RequestState now = state;
        while (now.isOpen()) {
            if (answer(now, last, failure, reason)) {
                return true;
            }
            now = state;
        }
        if (last != null) {
            last.close();
            refused("given a response");
        }
        return false;
    }

    private boolean answer(RequestState from, @Nullable SentResponse last, @Nullable InferenceException failure,
            FailureReason reason) {
        if (!STATE.compareAndSet(this, from, RequestState.ANSWERING)) {
            return false;
        }
        settle(from, last, failure, reason);
        return true;
    }

    private void settle(RequestState from, @Nullable SentResponse last, @Nullable InferenceException failure,
            FailureReason reason) {
        InferenceException cutBy = cut;
        if (cutBy != null) {
            if (last != null) {
                last.close();
            }
            error = cutBy;
            failureReason = FailureReason.OTHER;
        } else {
            result = last;
            error = failure;
            failureReason = reason;
        }
        if (flow != null && last == null) {
            flow.ended(error == null ? null : failureReason, clock.getAsLong());
        }
        state = RequestState.ANSWERED;
        Consumer<ActiveRequest> ending = onLateAnswer;
        if (from == RequestState.LATE && ending != null) {
            ending.accept(this);
        }
    }

    /**
     * Ends a request whose answer is still to come, for a reason of the engine's own. What its backend answers from here on
     * reaches nobody.
     */
    public void endLate(InferenceException reason) {
        if (state != RequestState.LATE) {
            return;
        }
        cut = reason;
        // The listener gets one call after the other.
        while (isSending) {
            Thread.onSpinWait();
        }
        if (STATE.compareAndSet(this, RequestState.LATE, RequestState.ANSWERING)) {
            isAbandoned = true;
            settle(RequestState.LATE, null, reason, FailureReason.OTHER);
        }
    }

    /** Notes that the execution of the request's batch starts. */
    public void executionStarts(long nanos, LongSupplier nanoClock) {
        clock = nanoClock;
        if (flow != null) {
            flow.starts(nanos);
        }
        state = RequestState.EXECUTING;
    }

    /**
     * Notes that the execution of the request's batch has returned. Returns whether the answer is still to come;
     * {@code ending} then gets the request once that is there, on the thread that answers.
     */
    public boolean leavesBatch(Consumer<ActiveRequest> ending) {
        if (state != RequestState.DETACHED) {
            return false;
        }
        onLateAnswer = ending;
        boolean isLate = STATE.compareAndSet(this, RequestState.DETACHED, RequestState.LATE);
        while (!isLate && state == RequestState.ANSWERING) {
            Thread.onSpinWait();
        }
        return isLate;
    }

    /**
     * Notes that no instance, but something else answers the request, from any thread.
     *
     * @param ending gets the request once its answer is there, on the thread that answers, and is to deliver it
     */
    public void answeredElsewhere(LongSupplier nanoClock, Consumer<ActiveRequest> ending) {
        clock = nanoClock;
        if (flow != null) {
            flow.starts(queuedNanos);
        }
        onLateAnswer = ending;
        state = RequestState.LATE;
    }

    /** Notes the times of the execution that the request was a part of. */
    public void executedIn(BatchTimes value) {
        times = value;
    }

    /** Returns the times of the execution that the request was a part of; null where there was none. */
    public @Nullable BatchTimes times() {
        return times;
    }

    /** Says, before the request is submitted, who sees the answer before the listener. */
    public void observedBy(AnswerObserver value) {
        observer = value;
    }

    /** Gives the kept answer to the listener, which ends the request. Called once, without any lock. */
    public void deliver() {
        if (!isAbandoned) {
            dropOpenResponses();
        }
        trace.mark(TracePoint.REQUEST_END);
        state = RequestState.ENDED;
        SentResponse last = result;
        InferenceException failure = error;
        if (failure == null && last == null && !io.isDecoupled()) {
            failure = new InferenceException(StatusCode.INTERNAL, "the request ended without an answer");
        }
        try {
            if (observer != null) {
                observer.answered(last, failure);
            }
            if (last != null) {
                listener.response(last, true);
            }
            listener.end(failure);
        } catch (Throwable e) {
            // Another program's listener. The thread that calls it has other answers to deliver.
            LOGGER.log(Level.ERROR, "a listener failed to take the answer to a request", e);
        }
    }

    /** Notes the request's way in a trace. Before it is submitted. */
    public void tracedBy(RequestTrace value) {
        trace = value;
    }

    /** Returns what the request's way is noted in. */
    public RequestTrace trace() {
        return trace;
    }

    BufferPool pool() {
        return pool;
    }

    /** Returns the time now where a decoupled model's responses are measured, else 0. */
    long responseClock() {
        return flow == null ? 0 : clock.getAsLong();
    }

    @Override
    public long startNanos() {
        return startNanos;
    }

    @Override
    public long queuedNanos() {
        return queuedNanos;
    }

    @Override
    public long firstResponseNanos() {
        return flow == null ? 0 : flow.firstNanos();
    }

    @Override
    public int responseCount() {
        return flow == null ? (result == null ? 0 : 1) : flow.count();
    }

    /** Returns the error that the request ends with; null where it succeeds, or has no answer yet. */
    public @Nullable InferenceException error() {
        return error;
    }

    /** Returns why the request failed, or null where it succeeded. */
    @Override
    public @Nullable FailureReason failure() {
        return error == null ? null : failureReason;
    }

    /** Notes that the request waits. */
    public void queuedAt(long nanos) {
        queuedNanos = nanos;
        state = RequestState.QUEUED;
        trace.mark(TracePoint.QUEUE_START, nanos);
    }

    /**
     * Returns the thread that waits for this request's answer and may be lent to execute; null where there is none. The
     * thread of a request with any number of responses is not lent: its listener may be slow.
     */
    public @Nullable WaitingListener lender() {
        return flow == null ? lender : null;
    }

    /** Says, before the request is submitted, whose thread waits for its answer, if not for its own. */
    public void lentBy(WaitingListener waiting) {
        lender = waiting;
    }
}
