package dev.nereid.isolation.child;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.wire.ResponseData;
import dev.nereid.isolation.wire.TensorData;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A response under construction, whose outputs are written into shared memory. Used by one thread. */
final class WorkerResponse implements InferenceResponse {
    private final WorkerRequest request;
    private final List<TensorData> outputs = new ArrayList<>(1);
    private final Map<String, Parameter> parameters = new LinkedHashMap<>(0);
    private boolean isFinished;

    WorkerResponse(WorkerRequest request) {
        this.request = request;
    }

    @Override
    public MemorySegment addOutput(String name, DataType dataType, Shape shape, long byteSize) {
        return allocate(name, dataType, shape, byteSize).fill((byte) 0);
    }

    @Override
    public void copyOutput(String name, DataType dataType, Shape shape, MemorySegment source) {
        MemorySegment.copy(source, 0, allocate(name, dataType, shape, source.byteSize()), 0, source.byteSize());
    }

    @Override
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data, Runnable release) {
        copyOutput(name, dataType, shape, data);
        release.run();
    }

    private MemorySegment allocate(String name, DataType dataType, Shape shape, long byteSize) {
        if (isFinished) {
            throw new IllegalStateException("output '" + name + "' is added to a response that was already sent");
        }
        if (outputs.stream().anyMatch(output -> output.name().equals(name))) {
            throw InferenceException.invalid("the response has two outputs '" + name + "'");
        }
        Blocks.Block block = request.link().allocate(byteSize);
        try {
            Tensor checked = new Tensor(name, dataType, shape, block.memory());
            outputs.add(new TensorData(name, dataType, shape, block.offset(), byteSize));
            return checked.data();
        } catch (InferenceException e) {
            request.link().free(block.offset());
            throw e;
        }
    }

    @Override
    public void setParameter(String name, Parameter value) {
        parameters.put(name, value);
    }

    @Override
    public void send() {
        request.send(this, true);
    }

    @Override
    public void sendPartial() {
        request.send(this, false);
    }

    /** Returns what is sent of it; nothing can be added from here on. */
    ResponseData finish() {
        if (isFinished) {
            throw new IllegalStateException("a response may be sent only once");
        }
        isFinished = true;
        return data();
    }

    /** Returns what it holds now. */
    ResponseData data() {
        return new ResponseData(List.copyOf(outputs), Map.copyOf(parameters));
    }

    /** Frees its memory: it is never sent. */
    void drop() {
        isFinished = true;
        outputs.forEach(output -> request.link().free(output.offset()));
    }
}
