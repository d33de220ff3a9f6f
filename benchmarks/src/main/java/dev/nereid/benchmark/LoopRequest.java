package dev.nereid.benchmark;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A request, its batch and its response in one, which can be executed again and again: as little as an engine can do,
 * so that what is measured is the backend. Used by one thread.
 */
public final class LoopRequest implements Batch, InferenceRequest, InferenceResponse {
    private final List<Tensor> inputs;
    private final int rows;
    private final Arena arena;
    private final List<Runnable> releases = new ArrayList<>();
    private MemorySegment output = MemorySegment.NULL;
    private @Nullable InferenceException error;
    private boolean isAnswered;

    /** Creates a request with one input; its outputs come from the arena. */
    public LoopRequest(Tensor input, int rows, Arena arena) {
        this.inputs = List.of(input);
        this.rows = rows;
        this.arena = arena;
    }

    /** Makes the request new again, and frees what it was answered with. */
    public void reset() {
        releases.forEach(Runnable::run);
        releases.clear();
        isAnswered = false;
        if (error != null) {
            throw error;
        }
    }

    @Override
    public List<InferenceRequest> requests() {
        return List.of(this);
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public void markComputeStart() {
    }

    @Override
    public void markComputeEnd() {
    }

    @Override
    public String id() {
        return "";
    }

    @Override
    public CorrelationId correlationId() {
        return CorrelationId.NONE;
    }

    @Override
    public boolean isSequenceStart() {
        return false;
    }

    @Override
    public boolean isSequenceEnd() {
        return false;
    }

    @Override
    public long timeoutMicros() {
        return 0;
    }

    @Override
    public Map<String, Parameter> parameters() {
        return Map.of();
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
        return rows;
    }

    @Override
    public boolean isOutputRequested(String name) {
        return true;
    }

    @Override
    public boolean isCancelled() {
        return false;
    }

    @Override
    public InferenceResponse newResponse() {
        return this;
    }

    @Override
    public void fail(InferenceException failure) {
        error = failure;
        isAnswered = true;
    }

    @Override
    public void complete() {
        isAnswered = true;
    }

    @Override
    public boolean isAnswered() {
        return isAnswered;
    }

    @Override
    public MemorySegment addOutput(String name, DataType dataType, Shape shape, long byteSize) {
        if (output.byteSize() < byteSize) {
            output = arena.allocate(byteSize, 64);
        }
        return output.asSlice(0, byteSize);
    }

    @Override
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data, Runnable release) {
        releases.add(release);
    }

    @Override
    public void setParameter(String name, Parameter value) {
    }

    @Override
    public void send() {
        isAnswered = true;
    }

    @Override
    public void sendPartial() {
        throw InferenceException.unsupported("not decoupled");
    }
}
