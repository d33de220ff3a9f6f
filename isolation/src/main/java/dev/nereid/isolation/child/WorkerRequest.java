package dev.nereid.isolation.child;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.Failure;
import dev.nereid.isolation.wire.Lane;
import dev.nereid.isolation.wire.ResponseData;
import dev.nereid.isolation.wire.TensorData;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A request as a backend in this process sees it. What is answered while its batch is executed goes with the end of the
 * execution; from the first thing on that must leave at once (a response that is not the last, or that the request is
 * answered later), everything goes over the control connection, in its order.
 *
 * <p>Threads: the one that executes the batch, and those that answer; the monitor guards everything that changes.
 */
final class WorkerRequest implements InferenceRequest {
    private final Lane.RequestData data;
    private final ModelConfig config;
    private final WorkerLink link;
    private final List<Tensor> inputs;
    private final List<WorkerResponse> open = new ArrayList<>();
    private State state = State.EXECUTING;
    private boolean isExecuting = true;
    private boolean isElsewhere;
    private long events;
    private Lane.@Nullable Outcome outcome;

    private enum State {
        EXECUTING("is being executed"), LATER("is to be answered later"), AGAIN("is to be executed again"), ANSWERED(
                "is already answered");

        private final String text;

        State(String text) {
            this.text = text;
        }
    }

    WorkerRequest(Lane.RequestData data, ModelConfig config, WorkerLink link) {
        this.data = data;
        this.config = config;
        this.link = link;
        this.inputs = data.inputs().stream().map(input -> new Tensor(input.name(), input.dataType(), input.shape(),
                Blocks.slice(link.region().inputs(), input.offset(), input.byteSize()).asReadOnly())).toList();
    }

    long number() {
        return data.number();
    }

    WorkerLink link() {
        return link;
    }

    @Override
    public String id() {
        return data.id();
    }

    @Override
    public CorrelationId correlationId() {
        return data.correlationId();
    }

    @Override
    public boolean isSequenceStart() {
        return data.isSequenceStart();
    }

    @Override
    public boolean isSequenceEnd() {
        return data.isSequenceEnd();
    }

    @Override
    public long timeoutMicros() {
        return data.timeoutMicros();
    }

    @Override
    public Map<String, Parameter> parameters() {
        return data.parameters();
    }

    @Override
    public List<Tensor> inputs() {
        return inputs;
    }

    @Override
    public Optional<Tensor> input(String name) {
        return inputs.stream().filter(input -> input.name().equals(name)).findFirst();
    }

    @Override
    public int batchSize() {
        return data.batchSize();
    }

    @Override
    public boolean isOutputRequested(String name) {
        return data.outputs().contains(name);
    }

    @Override
    public boolean isCancelled() {
        return link.region().isCancelled(data.flag());
    }

    @Override
    public synchronized boolean isAnswered() {
        return state == State.ANSWERED;
    }

    private void require(boolean isAllowed, String wish) {
        if (!isAllowed) {
            throw new IllegalStateException("request " + id() + " " + state.text + " and can't be " + wish);
        }
    }

    private boolean isOpen() {
        return state == State.EXECUTING || state == State.LATER;
    }

    @Override
    public synchronized InferenceResponse newResponse() {
        require(isOpen() || (state == State.AGAIN && isExecuting), "given a response");
        WorkerResponse response = new WorkerResponse(this);
        open.add(response);
        return response;
    }

    /** Takes a response. */
    synchronized void send(WorkerResponse response, boolean isLast) {
        require(isOpen() || (!isLast && state == State.AGAIN && isExecuting), "given a response");
        if (!isLast && !config.isDecoupled()) {
            throw InferenceException.unsupported("a model that is not decoupled sends one response for each request");
        }
        ResponseData sent = response.finish();
        open.remove(response);
        if (!isLast) {
            isElsewhere = true;
            tell(new Control.Partial(number(), sent));
            return;
        }
        state = State.ANSWERED;
        if (isElsewhere) {
            tell(new Control.Last(number(), sent));
        } else {
            outcome = new Lane.Answered(sent);
        }
        dropOpen();
    }

    private void tell(Control.Event event) {
        events++;
        link.tell(event);
    }

    @Override
    public synchronized void fail(InferenceException error) {
        require(isOpen(), "failed");
        state = State.ANSWERED;
        if (isElsewhere) {
            tell(new Control.Fail(number(), Failure.of(error)));
        } else {
            outcome = new Lane.Failed(Failure.of(error));
        }
        dropOpen();
    }

    @Override
    public synchronized void complete() {
        require(isOpen(), "completed");
        if (!config.isDecoupled()) {
            throw InferenceException.unsupported("a model that is not decoupled sends one response for each request");
        }
        state = State.ANSWERED;
        isElsewhere = true;
        tell(new Control.Complete(number()));
        dropOpen();
    }

    @Override
    public synchronized void answerLater() {
        require(state == State.EXECUTING && isExecuting, "answered later");
        state = State.LATER;
        isElsewhere = true;
        tell(new Control.Later(number()));
    }

    @Override
    public synchronized void executeAgain() {
        require(isOpen(), "executed again");
        if (number() >= 0) {
            // The server may refuse; what was told it before is there before this.
            link.ask(new Control.ExecuteAgain(number(), isExecuting ? List.of() : unsent()));
        }
        state = State.AGAIN;
        isElsewhere = true;
        if (!isExecuting) {
            // The server has read what they hold.
            dropOpen();
        }
    }

    /** Returns the responses that hold states and are not sent. */
    private List<ResponseData> unsent() {
        return open.stream().map(WorkerResponse::data).toList();
    }

    /** Frees what was allocated in responses that are never sent. */
    private void dropOpen() {
        open.forEach(WorkerResponse::drop);
        open.clear();
    }

    /**
     * Notes that the execution has returned.
     *
     * @param places gets the places of outputs that go with it
     */
    synchronized Lane.Outcome executed(List<Long> places) {
        isExecuting = false;
        List<ResponseData> unsent = state == State.AGAIN ? unsent() : List.of();
        Lane.Outcome result;
        if (isElsewhere) {
            if (state == State.EXECUTING) {
                // It has sent responses and no last one: the server fails it.
                dropOpen();
            }
            result = new Lane.Elsewhere(events, unsent);
        } else {
            result = outcome == null ? new Lane.Unanswered() : outcome;
        }
        unsent.forEach(response -> response.outputs().forEach(output -> places.add(output.offset())));
        if (result instanceof Lane.Answered(ResponseData response)) {
            for (TensorData output : response.outputs()) {
                places.add(output.offset());
            }
        }
        if (state == State.EXECUTING && !isElsewhere) {
            dropOpen();
        }
        if (state != State.LATER) {
            state = state == State.AGAIN ? State.AGAIN : State.ANSWERED;
            open.clear();
        }
        return result;
    }
}
