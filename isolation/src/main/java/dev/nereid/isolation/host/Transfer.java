package dev.nereid.isolation.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.host.RemoteRequest.InputBlock;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.wire.Lane;
import dev.nereid.isolation.wire.TensorData;
import dev.nereid.isolation.wire.WireException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A batch on its way to a worker process and back. Used by the thread that executes it. */
final class Transfer {
    private static final long ALIGNMENT = 64;
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final WorkerProcess process;
    private final List<RemoteRequest> requests;
    private final List<Lane.RequestData> data;

    private Transfer(WorkerProcess process, List<RemoteRequest> requests, List<Lane.RequestData> data) {
        this.process = process;
        this.requests = requests;
        this.data = data;
    }

    /**
     * Copies the inputs of a batch into shared memory.
     *
     * @param outputs the names of the model's outputs and states
     * @throws InferenceException when there is no room for them, or they can't be copied
     */
    static Transfer begin(WorkerProcess process, List<InferenceRequest> batch, List<String> outputs) {
        long size = 0;
        for (InferenceRequest request : batch) {
            for (Tensor input : request.inputs()) {
                if (input.placement().kind() == Placement.Kind.GPU) {
                    throw InferenceException
                            .unsupported("input '" + input.name() + "' lies in GPU memory, which a model "
                                    + "in a process of its own can't read; send it in host memory");
                }
                size += aligned(input.byteSize());
            }
        }
        Blocks.Block block = process.inputs().allocate(size, PATIENCE);
        InputBlock inputs = new InputBlock(process.inputs(), block.offset(), batch.size());
        List<RemoteRequest> requests = new ArrayList<>(batch.size());
        List<Lane.RequestData> data = new ArrayList<>(batch.size());
        long position = 0;
        try {
            for (InferenceRequest request : batch) {
                List<TensorData> tensors = new ArrayList<>(request.inputs().size());
                for (Tensor input : request.inputs()) {
                    MemorySegment.copy(input.data(), 0, block.memory(), position, input.byteSize());
                    tensors.add(new TensorData(input.name(), input.dataType(), input.shape(),
                            block.offset() + position, input.byteSize()));
                    position += aligned(input.byteSize());
                }
                RemoteRequest remote = process.register(request, inputs);
                requests.add(remote);
                data.add(data(request, remote, tensors, outputs));
            }
        } catch (RuntimeException | Error e) {
            requests.forEach(remote -> {
                boolean ignored = remote.executed(false);
                process.forget(remote);
            });
            for (int i = requests.size(); i < batch.size(); i++) {
                inputs.release();
            }
            throw e;
        }
        return new Transfer(process, requests, data);
    }

    private static long aligned(long bytes) {
        return bytes + (-bytes & (ALIGNMENT - 1));
    }

    private static Lane.RequestData data(InferenceRequest request, RemoteRequest remote, List<TensorData> inputs,
            List<String> outputs) {
        return new Lane.RequestData(remote.number(), remote.flag(), request.id(), request.correlationId(),
                request.isSequenceStart(), request.isSequenceEnd(), request.timeoutMicros(), request.parameters(),
                inputs, request.batchSize(), outputs.stream().filter(request::isOutputRequested).toList());
    }

    List<Lane.RequestData> data() {
        return data;
    }

    /**
     * Answers the requests with what came of them.
     *
     * @throws InferenceException the failure of the execution
     */
    void apply(Lane.Executed executed) {
        if (executed.outcomes().size() != requests.size()) {
            throw new WireException(executed.outcomes().size() + " outcomes of " + requests.size() + " requests");
        }
        for (int i = 0; i < requests.size(); i++) {
            RemoteRequest remote = requests.get(i);
            boolean isElsewhere = false;
            switch (executed.outcomes().get(i)) {
                case Lane.Answered answered -> remote.answer(answered.response());
                case Lane.Failed failed -> remote.fail(failed.failure());
                case Lane.Unanswered _ -> {
                    // The engine fails it.
                }
                case Lane.Elsewhere elsewhere -> {
                    isElsewhere = true;
                    remote.finishExecution(elsewhere.events(), elsewhere.unsent(), process);
                }
            }
            if (remote.executed(isElsewhere)) {
                process.forget(remote);
            } else if (process.isGone() && remote.lost(process.loss())) {
                process.forget(remote);
            }
        }
        requests.clear();
        if (executed.failure().isPresent()) {
            throw executed.failure().get().exception();
        }
    }

    /** Ends what was not brought to its end. */
    void end(InferenceException reason) {
        for (RemoteRequest remote : requests) {
            boolean ignored = remote.lost(reason);
            if (remote.executed(false)) {
                process.forget(remote);
            }
        }
    }
}
