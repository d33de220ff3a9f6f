package dev.nereid.isolation.child;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCallListener;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.ResponseData;
import dev.nereid.isolation.wire.TensorData;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/** Has the server call other models. Threads: any; a call waits on the thread that makes it. */
final class WorkerCalls {
    private final WorkerLink link;
    private final AtomicLong lastCall = new AtomicLong();
    private final Map<Long, LinkedBlockingQueue<Control.Event>> running = new ConcurrentHashMap<>();

    WorkerCalls(WorkerLink link) {
        this.link = link;
    }

    /** Returns what the model of a seat calls others with. */
    ModelCalls callsOf(int seat) {
        return new ModelCalls() {
            @Override
            public InferenceResult infer(ModelCall call) {
                List<InferenceResult> results = new ArrayList<>(1);
                make(seat, call, false, result -> {
                    results.add(result);
                    return true;
                });
                if (results.isEmpty()) {
                    throw InferenceException.internal("model '" + call.model() + "' did not answer");
                }
                return results.getFirst();
            }

            @Override
            public void infer(ModelCall call, ModelCallListener listener) {
                make(seat, call, true, listener);
            }
        };
    }

    void result(Control.CallResult result) {
        deliver(result.call(), result);
    }

    void end(Control.CallEnd end) {
        deliver(end.call(), end);
    }

    private void deliver(long call, Control.Event event) {
        LinkedBlockingQueue<Control.Event> waiting = running.get(call);
        if (waiting != null) {
            waiting.add(event);
        } else if (event instanceof Control.CallResult result) {
            release(result.response());
        }
    }

    private void release(ResponseData response) {
        link.tell(new Control.ReleaseResults(response.outputs().stream().map(TensorData::offset).toList()));
    }

    private void make(int seat, ModelCall call, boolean isListening, ModelCallListener listener) {
        if (call.isCancelled()) {
            throw new InferenceException(StatusCode.CANCELLED,
                    "the call of model '" + call.model() + "' was cancelled");
        }
        long number = lastCall.incrementAndGet();
        List<TensorData> inputs = inputs(call);
        LinkedBlockingQueue<Control.Event> events = new LinkedBlockingQueue<>();
        running.put(number, events);
        link.tell(new Control.Call(number, seat, call.model(), call.version(), inputs, call.outputs(),
                call.parameters(), callers(call), call.sequence().map(step -> new Control.Step(step.id(),
                        step.isStart(), step.isEnd())),
                isListening));
        await(number, events, isListening, listener);
    }

    private static List<Long> callers(ModelCall call) {
        List<Long> numbers = new ArrayList<>();
        for (InferenceRequest caller : call.callers()) {
            if (caller instanceof WorkerRequest request) {
                numbers.add(request.number());
            }
        }
        return numbers;
    }

    private List<TensorData> inputs(ModelCall call) {
        for (Tensor input : call.inputs()) {
            if (input.placement().kind() == Placement.Kind.GPU) {
                throw InferenceException.unsupported("input '" + input.name() + "' of the call of model '"
                        + call.model() + "' lies in GPU memory, expected host memory");
            }
        }
        return link.write(call.inputs());
    }

    /** Hands answers on until the server says that the call has ended, or the listener wants no more and it has ended. */
    private void await(long number, LinkedBlockingQueue<Control.Event> events, boolean isListening,
            ModelCallListener listener) {
        boolean goesOn = true;
        Throwable thrown = null;
        boolean interrupted = false;
        while (true) {
            Control.Event event;
            try {
                event = events.take();
            } catch (InterruptedException e) {
                // The inputs are in use until the end.
                interrupted = true;
                continue;
            }
            if (event instanceof Control.CallEnd end) {
                running.remove(number);
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                if (thrown instanceof Error error) {
                    throw error;
                }
                if (thrown instanceof RuntimeException exception) {
                    throw exception;
                }
                if (goesOn && end.failure().isPresent()) {
                    throw end.failure().get().exception();
                }
                return;
            }
            ResponseData response = ((Control.CallResult) event).response();
            if (!goesOn) {
                release(response);
                continue;
            }
            try {
                goesOn = listener.onResult(new Result(response));
            } catch (RuntimeException | Error e) {
                goesOn = false;
                thrown = e;
            }
            if (isListening) {
                link.tell(new Control.CallTaken(number, goesOn));
            }
        }
    }

    /** An answer whose outputs lie in shared memory. */
    private final class Result implements InferenceResult {
        private final ResponseData response;
        private final List<Tensor> outputs;
        private final AtomicBoolean isClosed = new AtomicBoolean();

        Result(ResponseData response) {
            this.response = response;
            this.outputs = response.outputs().stream().map(output -> new Tensor(output.name(), output.dataType(),
                    output.shape(),
                    Blocks.slice(link.region().inputs(), output.offset(), output.byteSize()).asReadOnly())).toList();
        }

        @Override
        public List<Tensor> outputs() {
            return outputs;
        }

        @Override
        public Map<String, Parameter> parameters() {
            return response.parameters();
        }

        @Override
        public void close() {
            if (!isClosed.getAndSet(true)) {
                release(response);
            }
        }
    }
}
