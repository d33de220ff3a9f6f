package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.StagingMemory;
import dev.nereid.backend.api.batch.BatchInputMaker;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * One input of an instance: its memory on the GPU, sized for the largest shape, and how requests get there. An input that
 * decides shapes lies in the host's memory where the engine says so.
 */
final class InputBinding {
    private final TensorPlan.InputSlot slot;
    private final boolean batching;
    private final StagingMemory staging;
    private final MemorySegment values;
    private final TensorRt.@Nullable DeviceMemory device;
    private final @Nullable BatchInputMaker maker;
    private StagingMemory.@Nullable Buffer stage;

    private InputBinding(TensorPlan.InputSlot slot, boolean batching, StagingMemory staging, MemorySegment values,
            TensorRt.@Nullable DeviceMemory device, @Nullable BatchInputMaker maker) {
        this.slot = slot;
        this.batching = batching;
        this.staging = staging;
        this.values = values;
        this.device = device;
        this.maker = maker;
    }

    /** Allocates what the input needs; {@code owned} gives it back. */
    @SuppressWarnings("MustBeClosedChecker") // the arena is closed by owned
    static InputBinding create(TensorPlan.InputSlot slot, boolean batching, long largest, TensorRt trt,
            StagingMemory staging, Owned owned) {
        TensorRt.DeviceMemory device = null;
        if (!slot.tensor().isHost()) {
            device = trt.allocate(Math.max(1, largest), "input '" + slot.name() + "'");
            owned.add(device, device::close);
        }
        MemorySegment values = MemorySegment.NULL;
        if (slot.tensor().isShape()) {
            Arena arena = Arena.ofShared();
            owned.add(arena, arena::close);
            values = arena.allocate(ShapeValues.engineCount(slot) * slot.dataType().byteSize(), 64);
        }
        BatchInputMaker maker = null;
        if (slot.batchInput().isPresent()) {
            maker = new BatchInputMaker(slot.name(), slot.batchInput().get());
            owned.add(maker, maker::close);
        }
        InputBinding binding = new InputBinding(slot, batching, staging, values, device, maker);
        owned.add(binding, binding::releaseStage);
        return binding;
    }

    TensorPlan.InputSlot slot() {
        return slot;
    }

    /** Returns where the engine finds the input. */
    long address() {
        return device == null ? values.address() : device.address();
    }

    /**
     * What one execution gets.
     *
     * @param dims the shape of the whole
     * @param values the content, of an input that decides shapes; else empty
     */
    record Bound(Dims dims, Dims values) {
    }

    /** Returns what the engine is told of a batch. */
    Bound bind(Batch batch) {
        if (maker != null) {
            return new Bound(Dims.of(maker.make(batch).shape().toArray()), Dims.of());
        }
        InferenceRequest first = batch.requests().getFirst();
        if (slot.tensor().isShape()) {
            Dims content = ShapeValues.of(tensor(first), slot, batching, first.batchSize());
            long[] joined = content.toArray();
            if (batching && joined.length > 0) {
                joined[0] = batch.rows();
            }
            return new Bound(slot.tensor().dims(), Dims.of(joined));
        }
        if (slot.isRagged()) {
            long elements = 0;
            for (InferenceRequest request : batch.requests()) {
                elements += tensor(request).shape().elementCount();
            }
            return new Bound(Dims.of(elements), Dims.of());
        }
        Shape shape = tensor(first).shape();
        return new Bound(slot.tensor()
                .unpadded(Dims.of((batching ? shape.withFirst(batch.rows()) : shape).toArray())), Dims.of());
    }

    /** Puts the content of a batch where the engine finds it, by the stream where that is the GPU. */
    void load(Batch batch, Bound bound, CudaStream stream) {
        if (slot.tensor().isShape()) {
            writeValues(bound.values());
            if (device != null) {
                stream.copyIn(values, device.address());
            }
            return;
        }
        TensorRt.DeviceMemory target = device;
        if (target == null) {
            throw InferenceException.internal(
                    "input '" + slot.name() + "' lies in the host's memory, but its content decides no shape");
        }
        if (maker != null) {
            // Its memory is overwritten with the next batch, which comes when this one is done.
            copy(maker.make(batch), target, 0, stream);
            return;
        }
        Run run = new Run(target, stream);
        for (InferenceRequest request : batch.requests()) {
            run.add(tensor(request));
        }
        run.flush();
    }

    /** Writes the values into the host's memory. */
    void writeValues(Dims content) {
        for (int i = 0; i < content.rank(); i++) {
            if (slot.dataType() == DataType.INT32) {
                values.setAtIndex(ValueLayout.JAVA_INT, i, Math.toIntExact(content.get(i)));
            } else {
                values.setAtIndex(ValueLayout.JAVA_LONG, i, content.get(i));
            }
        }
    }

    /** Gathers requests in staging memory, so that one copy takes them to the GPU. */
    private final class Run {
        private final TensorRt.DeviceMemory target;
        private final CudaStream stream;
        private long begin;
        private long end;

        Run(TensorRt.DeviceMemory target, CudaStream stream) {
            this.target = target;
            this.stream = stream;
        }

        void add(Tensor tensor) {
            long size = tensor.byteSize();
            if (size > target.byteSize() - end) {
                throw InferenceException
                        .internal("input byte size mismatch for input '" + slot.name() + "'. Expected at"
                                + " most " + target.byteSize() + ", got " + (end + size));
            }
            if (tensor.placement().kind() == Placement.Kind.CPU) {
                MemorySegment.copy(tensor.data(), 0, stage(target.byteSize()), end, size);
                end += size;
            } else {
                flush();
                copy(tensor, target, end, stream);
                end += size;
                begin = end;
            }
        }

        void flush() {
            if (end > begin) {
                stream.copyIn(stage(target.byteSize()).asSlice(begin, end - begin), target.address() + begin);
                begin = end;
            }
        }
    }

    private static void copy(Tensor tensor, TensorRt.DeviceMemory target, long offset, CudaStream stream) {
        if (tensor.byteSize() > target.byteSize() - offset) {
            throw InferenceException.internal("input '" + tensor.name() + "' has " + tensor.byteSize()
                    + " bytes, there is room for " + (target.byteSize() - offset));
        }
        if (tensor.byteSize() == 0) {
            return;
        }
        if (tensor.placement().kind() == Placement.Kind.GPU) {
            stream.copyAcross(tensor.data().address(), target.address() + offset, tensor.byteSize());
        } else {
            stream.copyIn(tensor.data(), target.address() + offset);
        }
    }

    private MemorySegment stage(long byteSize) {
        StagingMemory.Buffer buffer = stage;
        if (buffer == null) {
            buffer = staging.allocate(byteSize);
            stage = buffer;
        }
        return buffer.memory();
    }

    private void releaseStage() {
        StagingMemory.Buffer buffer = stage;
        stage = null;
        if (buffer != null) {
            buffer.close();
        }
    }

    private Tensor tensor(InferenceRequest request) {
        return request.input(slot.name())
                .orElseThrow(() -> InferenceException.invalid("request has no input '" + slot.name() + "'"));
    }
}
