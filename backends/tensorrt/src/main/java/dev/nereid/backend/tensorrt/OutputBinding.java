package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.StagingMemory;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One output of an instance: memory on the GPU, sized for the largest shape, or growing where only an execution tells the
 * size; and the host's memory that responses are written from.
 */
final class OutputBinding implements TrtContext.OutputSink {
    private final TensorPlan.OutputSlot slot;
    private final TensorRt trt;
    private final StagingMemory staging;
    private final boolean isSized;
    private MemorySegment values = MemorySegment.NULL;
    private TensorRt.@Nullable DeviceMemory device;
    private StagingMemory.@Nullable Buffer stage;
    private @Nullable Shape told;
    private @Nullable InferenceException refusal;

    private OutputBinding(TensorPlan.OutputSlot slot, TensorRt trt, StagingMemory staging, boolean isSized) {
        this.slot = slot;
        this.trt = trt;
        this.staging = staging;
        this.isSized = isSized;
    }

    /**
     * Allocates what the output needs; {@code owned} gives it back.
     *
     * @param largest its bytes in the largest shape; -1 where only the execution tells
     */
    @SuppressWarnings("MustBeClosedChecker") // the arena is closed by owned
    static OutputBinding create(TensorPlan.OutputSlot slot, long largest, TensorRt trt, StagingMemory staging,
            Owned owned) {
        OutputBinding binding = new OutputBinding(slot, trt, staging, largest >= 0);
        owned.add(binding, binding::release);
        if (slot.tensor().isHost()) {
            Arena arena = Arena.ofShared();
            owned.add(arena, arena::close);
            binding.values = arena.allocate(Math.max(64, largest), 64);
        } else if (largest >= 0) {
            binding.device = trt.allocate(Math.max(1, largest), "output '" + slot.name() + "'");
        }
        return binding;
    }

    TensorPlan.OutputSlot slot() {
        return slot;
    }

    /** Returns whether the size is known before the execution. */
    boolean isSized() {
        return isSized;
    }

    /** Returns where the engine writes the output. */
    long address() {
        TensorRt.DeviceMemory memory = device;
        return memory == null ? values.address() : memory.address();
    }

    /** Forgets what the last execution told. */
    void prepare() {
        told = null;
        refusal = null;
    }

    @Override
    public long reserve(long byteSize) {
        TensorRt.DeviceMemory memory = device;
        if (memory != null && memory.byteSize() >= byteSize) {
            return memory.address();
        }
        try {
            device = null;
            if (memory != null) {
                memory.close();
            }
            TensorRt.DeviceMemory larger = trt.allocate(Math.max(1, byteSize), "output '" + slot.name() + "'");
            device = larger;
            return larger.address();
        } catch (InferenceException e) {
            refusal = e;
            return 0;
        }
    }

    @Override
    public void tell(Shape shape) {
        told = shape;
    }

    /** Throws what kept the output from getting memory, if anything did. */
    void checkMemory() {
        if (refusal != null) {
            throw refusal;
        }
    }

    /** Returns the shape that the execution told. */
    Shape toldShape() {
        if (told == null) {
            throw InferenceException.internal("the engine did not tell the shape of output '" + slot.name() + "'");
        }
        return told;
    }

    /** Copies the output to the host by the stream, and returns where it will be. */
    MemorySegment fetch(Shape shape, CudaStream stream) {
        long size = shape.elementCount() * slot.dataType().byteSize();
        if (slot.tensor().isHost()) {
            return values.asSlice(0, size);
        }
        StagingMemory.Buffer buffer = stage;
        if (buffer == null || buffer.memory().byteSize() < size) {
            releaseStage();
            buffer = staging.allocate(Math.max(1, size));
            stage = buffer;
        }
        MemorySegment target = buffer.memory().asSlice(0, size);
        if (size > 0) {
            stream.copyOut(address(), target);
        }
        return target;
    }

    /** Adds the output to the responses. */
    void write(Shape shape, MemorySegment data, BatchResponses responses, boolean batching) {
        if (slot.tensor().isShape()) {
            writeValues(data, responses, batching);
        } else if (slot.shapeSource().isPresent()) {
            responses.addOutputLike(slot.shapeSource().get(), slot.name(), slot.dataType(), data);
        } else {
            responses.addOutput(slot.name(), slot.dataType(), shape, data);
        }
    }

    /** All requests get the same values; the first one, where the model batches, is the number of rows of all. */
    private void writeValues(MemorySegment data, BatchResponses responses, boolean batching) {
        List<InferenceRequest> requests = responses.batch().requests();
        long width = slot.dataType().byteSize();
        if (batching && (data.byteSize() < width
                || data.get(ValueLayout.JAVA_LONG_UNALIGNED, 0) != responses.batch().rows())) {
            throw InferenceException
                    .internal("failed to retrieve the output shape values from binding '" + slot.name() + "'");
        }
        MemorySegment content = batching ? data.asSlice(width) : data;
        for (int i = 0; i < requests.size(); i++) {
            InferenceRequest request = requests.get(i);
            if (request.isAnswered() || !request.isOutputRequested(slot.name())) {
                continue;
            }
            long count = content.byteSize() / width;
            int rows = batching ? request.batchSize() : 1;
            MemorySegment target = responses.response(i).addOutput(slot.name(), slot.dataType(),
                    batching ? Shape.of(rows, count) : Shape.of(count), rows * content.byteSize());
            for (int row = 0; row < rows; row++) {
                MemorySegment.copy(content, 0, target, row * content.byteSize(), content.byteSize());
            }
        }
    }

    /** Returns the shape where dims are all known. */
    static Shape shape(Dims dims) {
        return Shape.of(dims.toArray());
    }

    private void releaseStage() {
        StagingMemory.Buffer buffer = stage;
        stage = null;
        if (buffer != null) {
            buffer.close();
        }
    }

    private void release() {
        TensorRt.DeviceMemory memory = device;
        device = null;
        try {
            releaseStage();
        } finally {
            if (memory != null) {
                memory.close();
            }
        }
    }
}
