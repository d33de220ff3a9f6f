package dev.nereid.server.scheduler;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.server.memory.BufferPool;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A response under construction. Owns the memory of its outputs until it is sent or dropped. */
final class EngineResponse implements InferenceResponse {
    private static final Logger LOGGER = System.getLogger(EngineResponse.class.getName());

    private final EngineRequest request;
    private final List<Tensor> outputs = new ArrayList<>(2);
    private final List<Runnable> releases = new ArrayList<>(2);
    private Map<String, Parameter> parameters = Map.of();
    private boolean isFinished;

    EngineResponse(EngineRequest request) {
        this.request = request;
    }

    @Override
    public MemorySegment addOutput(String name, DataType dataType, Shape shape, long byteSize) {
        MemorySegment memory = allocate(name, dataType, shape, byteSize);
        // A pooled buffer holds what another request left in it; a backend that writes less must not pass that on.
        return memory.fill((byte) 0);
    }

    @Override
    public void copyOutput(String name, DataType dataType, Shape shape, MemorySegment source) {
        MemorySegment.copy(source, 0, allocate(name, dataType, shape, source.byteSize()), 0, source.byteSize());
    }

    private MemorySegment allocate(String name, DataType dataType, Shape shape, long byteSize) {
        checkNew(name);
        BufferPool.Buffer buffer = request.pool().acquire(byteSize);
        releases.add(buffer::close);
        outputs.add(new Tensor(name, dataType, shape, buffer.segment()));
        return buffer.segment();
    }

    @Override
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data, Runnable release) {
        checkNew(name);
        outputs.add(new Tensor(name, dataType, shape, data));
        // From here on the memory is this response's; where a check above failed, it still is the backend's.
        releases.add(release);
    }

    private void checkNew(String name) {
        if (isFinished) {
            throw new IllegalStateException("output '" + name + "' is added to a response that was already sent");
        }
        for (Tensor output : outputs) {
            if (output.name().equals(name)) {
                throw InferenceException.invalid("the response has two outputs '" + name + "'");
            }
        }
    }

    @Override
    public void setParameter(String name, Parameter value) {
        if (parameters.isEmpty()) {
            parameters = new LinkedHashMap<>();
        }
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

    InferenceResult finish(OutputShapes shapes) {
        if (isFinished) {
            throw new IllegalStateException("a response may be sent only once");
        }
        // Where the outputs don't fit the configuration, the response stays unsent and is dropped with its request.
        List<Tensor> presented = shapes.present(outputs);
        isFinished = true;
        return new InferenceResult(presented, parameters, this::release);
    }

    /** Releases the memory of a response that is never sent. */
    void drop() {
        if (!isFinished) {
            isFinished = true;
            release();
        }
    }

    private void release() {
        for (Runnable each : releases) {
            try {
                each.run();
            } catch (Throwable e) {
                // A call into a plugin. The thread that makes it has other answers to deliver.
                LOGGER.log(Level.ERROR, "a backend failed to release the memory of an output", e);
            }
        }
    }
}
