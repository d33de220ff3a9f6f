package dev.nereid.isolation.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.Failure;
import dev.nereid.isolation.wire.ResponseData;
import dev.nereid.isolation.wire.TensorData;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A request that is in a worker process.
 *
 * <p>Threads: the one that executes its batch, and the one that reads the process's control connection; this object's monitor
 * guards how far it is. Whatever happens, the request is answered once: here, where the worker said that it would be
 * answered elsewhere, or else by the engine when the execution returns.
 */
final class RemoteRequest {
    private static final Logger LOGGER = System.getLogger(RemoteRequest.class.getName());

    private final long number;
    private final int flag;
    private final InferenceRequest request;
    private final InputBlock inputs;
    private final MemorySegment outputs;
    private long events;
    private boolean isExecuting = true;
    /** Whether the worker said that it answers later. */
    private boolean isLater;
    /** Whether nothing more will come. */
    private boolean isOver;

    /**
     * Creates it.
     *
     * @param number names it to the worker
     * @param flag tells the worker that it is cancelled
     * @param inputs where its inputs lie
     * @param outputs the area of outputs
     */
    RemoteRequest(long number, int flag, InferenceRequest request, InputBlock inputs, MemorySegment outputs) {
        this.number = number;
        this.flag = flag;
        this.request = request;
        this.inputs = inputs;
        this.outputs = outputs;
    }

    long number() {
        return number;
    }

    int flag() {
        return flag;
    }

    InputBlock inputs() {
        return inputs;
    }

    InferenceRequest request() {
        return request;
    }

    /** Takes an event. Returns whether nothing more will come. */
    synchronized boolean take(Control.RequestEvent event) {
        try {
            if (!isOver) {
                apply(event);
            }
        } catch (InferenceException e) {
            isOver = true;
            if (!request.isAnswered()) {
                request.fail(e);
            }
        } catch (IllegalStateException e) {
            // The engine has ended it meanwhile.
            isOver = true;
            LOGGER.log(Level.DEBUG, () -> "a request took no " + event.getClass().getSimpleName() + ": " + e);
        } finally {
            events++;
            notifyAll();
        }
        return isOver && !isExecuting;
    }

    private void apply(Control.RequestEvent event) {
        switch (event) {
            case Control.Later _ -> {
                isLater = true;
                request.answerLater();
            }
            case Control.Partial partial -> filled(partial.response()).sendPartial();
            case Control.Last last -> {
                isOver = true;
                filled(last.response()).send();
            }
            case Control.Fail fail -> {
                isOver = true;
                request.fail(fail.failure().exception());
            }
            case Control.Complete _ -> {
                isOver = true;
                request.complete();
            }
        }
    }

    /** Returns the places of the outputs that an event brings. */
    static List<Long> offsets(Control.RequestEvent event) {
        return switch (event) {
            case Control.Partial partial -> offsets(partial.response());
            case Control.Last last -> offsets(last.response());
            case Control.Later _,Control.Fail _,Control.Complete _ -> List.of();
        };
    }

    private static List<Long> offsets(ResponseData response) {
        return response.outputs().stream().map(TensorData::offset).toList();
    }

    /** Answers with a response that came with the end of the execution. */
    synchronized void answer(ResponseData response) {
        isOver = true;
        try {
            filled(response).send();
        } catch (InferenceException e) {
            if (!request.isAnswered()) {
                request.fail(e);
            }
        }
    }

    /** Answers with a failure that came with the end of the execution. */
    synchronized void fail(Failure failure) {
        isOver = true;
        request.fail(failure.exception());
    }

    /**
     * Has the request executed again. Returns whether its execution has returned, so that nothing more will come.
     *
     * @throws InferenceException where that can't be
     */
    synchronized boolean again(List<ResponseData> unsent) {
        if (isOver) {
            throw InferenceException.invalid("request " + request.id() + " is already answered");
        }
        unsent.forEach(this::filled);
        request.executeAgain();
        isOver = !isExecuting;
        return isOver;
    }

    /** Waits until so many events were taken, or the process has ended; then keeps responses that are not sent. */
    synchronized void finishExecution(long awaited, List<ResponseData> unsent, WorkerProcess process) {
        while (events < awaited && !process.isGone()) {
            try {
                wait(100);
            } catch (InterruptedException e) {
                // Nobody interrupts the thread of an instance; what is awaited is on its way.
                Thread.currentThread().interrupt();
                return;
            }
        }
        if (events >= awaited && !isOver) {
            unsent.forEach(this::filled);
        }
    }

    /** Notes that the execution has returned. Returns whether nothing more will come. */
    synchronized boolean executed(boolean isElsewhere) {
        isExecuting = false;
        isOver |= !isElsewhere || !isLater;
        return isOver;
    }

    /** Fails it where nobody else does: the process has ended. Returns whether nothing more will come. */
    synchronized boolean lost(InferenceException reason) {
        if (isLater && !isOver) {
            isOver = true;
            try {
                request.fail(reason);
            } catch (IllegalStateException e) {
                LOGGER.log(Level.DEBUG, () -> "a request was answered before its process ended: " + e);
            }
        }
        notifyAll();
        return isOver && !isExecuting;
    }

    /** Returns a new response with copies of what lies in shared memory. */
    private InferenceResponse filled(ResponseData data) {
        InferenceResponse response = request.newResponse();
        for (TensorData output : data.outputs()) {
            response.copyOutput(output.name(), output.dataType(), output.shape(),
                    Blocks.slice(outputs, output.offset(), output.byteSize()));
        }
        data.parameters().forEach(response::setParameter);
        return response;
    }

    /** The inputs of a batch in shared memory, until all its requests are answered. */
    static final class InputBlock {
        private final Blocks blocks;
        private final long offset;
        private int users;

        InputBlock(Blocks blocks, long offset, int users) {
            this.blocks = blocks;
            this.offset = offset;
            this.users = users;
        }

        /** Notes that one request less needs them. */
        void release() {
            synchronized (this) {
                users--;
                if (users > 0) {
                    return;
                }
            }
            blocks.free(offset);
        }
    }
}
