package dev.nereid.isolation.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.Failure;
import dev.nereid.isolation.wire.ResponseData;
import dev.nereid.isolation.wire.SharedTensors;
import dev.nereid.isolation.wire.TensorData;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Makes the calls of the models in one worker process to other models. Each call has a thread, which waits for the answers
 * and copies them into shared memory. Where the listener in the process is slow, the thread waits for it too.
 */
final class CallService {
    private static final Logger LOGGER = System.getLogger(CallService.class.getName());
    /** How many answers of a call may be on their way to its listener. */
    private static final int WINDOW = 16;
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final WorkerProcess process;
    private final Map<Integer, ModelCalls> models = new ConcurrentHashMap<>();
    private final Map<Long, Progress> running = new ConcurrentHashMap<>();

    CallService(WorkerProcess process) {
        this.process = process;
    }

    /** Says what the model of a seat calls others with. */
    void seat(int seat, ModelCalls calls) {
        models.put(seat, calls);
    }

    /** How far the listener of a call is. */
    private static final class Progress {
        private int unread;
        private boolean goesOn = true;

        synchronized void taken(boolean wantsMore) {
            unread--;
            goesOn &= wantsMore;
            notifyAll();
        }

        synchronized void end() {
            goesOn = false;
            notifyAll();
        }

        /** Counts an answer that is sent, and waits where too many are. Returns whether the listener wants more. */
        synchronized boolean sent() throws InterruptedException {
            unread++;
            while (goesOn && unread >= WINDOW) {
                wait();
            }
            return goesOn;
        }
    }

    /** Begins a call. */
    void begin(Control.Call call) {
        if (!process.enter()) {
            return;
        }
        Progress progress = new Progress();
        running.put(call.call(), progress);
        Thread.ofVirtual().name("nereid-worker-call").start(() -> {
            Optional<Failure> failure = Optional.empty();
            try {
                make(call, progress);
            } catch (InferenceException e) {
                failure = Optional.of(Failure.of(e));
            } catch (RuntimeException | Error e) {
                LOGGER.log(Level.ERROR, process.who() + ": its call of model '" + call.model() + "' failed", e);
                failure = Optional.of(new Failure(StatusCode.INTERNAL,
                        "the call of model '" + call.model() + "' failed; the server's log has the details"));
            } finally {
                running.remove(call.call());
                process.link().tell(new Control.CallEnd(call.call(), failure));
                process.leave();
            }
        });
    }

    /** Notes that the listener of a call has taken an answer. */
    void taken(Control.CallTaken taken) {
        Progress progress = running.get(taken.call());
        if (progress != null) {
            progress.taken(taken.goesOn());
        }
    }

    /** Ends all calls: nobody waits for their answers. */
    void endAll() {
        running.values().forEach(Progress::end);
    }

    private void make(Control.Call call, Progress progress) {
        ModelCalls calls = models.get(call.seat());
        if (calls == null) {
            throw InferenceException.unavailable("the model that calls '" + call.model() + "' is not loaded");
        }
        try (Arena arena = Arena.ofShared()) {
            ModelCall made = new ModelCall(call.model(), call.version(), copied(call.inputs(), arena), call.outputs(),
                    call.parameters(), callers(call.callers()), call.sequence()
                            .map(step -> new ModelCall.Step(step.id(), step.isStart(), step.isEnd())));
            if (call.isListening()) {
                calls.infer(made, result -> {
                    send(call.call(), result);
                    try {
                        return progress.sent();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                        return false;
                    }
                });
            } else {
                send(call.call(), calls.infer(made));
            }
        }
    }

    /** The worker may write into what it shares at any time, so nothing is checked there and read again. */
    private List<Tensor> copied(List<TensorData> inputs, Arena arena) {
        List<Tensor> tensors = new ArrayList<>();
        List<Long> read = new ArrayList<>();
        for (TensorData input : inputs) {
            MemorySegment data = Blocks.slice(process.region().outputs(), input.offset(), input.byteSize());
            tensors.add(new Tensor(input.name(), input.dataType(), input.shape(),
                    arena.allocate(Math.max(1, data.byteSize()), 64).asSlice(0, data.byteSize()).copyFrom(data)));
            read.add(input.offset());
        }
        process.link().tell(new Control.ReleaseOutputs(read));
        return tensors;
    }

    private List<InferenceRequest> callers(List<Long> numbers) {
        return numbers.stream().map(process::request).flatMap(Optional::stream).map(RemoteRequest::request).toList();
    }

    private void send(long call, InferenceResult result) {
        try (result) {
            List<TensorData> outputs = SharedTensors.write(result.outputs(), process.inputs(), PATIENCE);
            process.link().tell(new Control.CallResult(call, new ResponseData(outputs, result.parameters())));
        }
    }
}
