package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.batch.BatchInputMaker;
import dev.nereid.backend.api.batch.InputGatherer;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Turns the inputs of a batch into the arguments of {@code forward}. Tensors wrap the requests' memory without a copy
 * where there is one request, and the gathered memory where there are several. For a GPU both are page-locked memory,
 * from which it is filled. Used by one instance, on its thread.
 */
final class InputReader implements AutoCloseable {
    private final List<Binding> bindings;
    private final @Nullable DictionaryMaker dictionary;
    private final @Nullable GpuSession gpu;

    private InputReader(List<Binding> bindings, @Nullable DictionaryMaker dictionary, @Nullable GpuSession gpu) {
        this.bindings = bindings;
        this.dictionary = dictionary;
        this.gpu = gpu;
    }

    static InputReader create(InputPlan plan, LoadedModule module, @Nullable GpuSession gpu) {
        List<Binding> bindings = new ArrayList<>();
        for (InputPlan.Slot slot : plan.slots()) {
            bindings.add(new Binding(slot, module, gpu));
        }
        // Arguments are pushed in order.
        bindings.sort(Comparator.comparingInt(binding -> binding.slot.position()));
        DictionaryMaker dictionary = plan.isDictionary()
                ? DictionaryMaker.create(bindings.stream().map(binding -> binding.slot.name()).toList())
                : null;
        return new InputReader(List.copyOf(bindings), dictionary, gpu);
    }

    /** Returns the arguments; the caller's scope owns them. The batch's memory must stay until they are gone. */
    Arguments read(Batch batch) {
        List<MemorySegment> memory = new ArrayList<>(bindings.size());
        IValue[] values = new IValue[bindings.size()];
        for (int i = 0; i < values.length; i++) {
            Binding binding = bindings.get(i);
            if (binding.isAbsent(batch)) {
                values[i] = new IValue();
                continue;
            }
            Tensor tensor = binding.gather(batch);
            MemorySegment usable = binding.usable(tensor);
            memory.add(usable);
            values[i] = tensor.dataType() == DataType.BYTES
                    ? binding.strings(tensor, usable)
                    : new IValue(onDevice(binding.wrap(tensor, usable)));
        }
        return new Arguments(vector(values), memory);
    }

    /** Returns arguments of zeros, for the given number of rows where the model batches; the caller's scope owns them. */
    IValueVector zeros(int rows, boolean batching) {
        IValue[] values = new IValue[bindings.size()];
        for (int i = 0; i < values.length; i++) {
            InputPlan.Slot slot = bindings.get(i).slot;
            long[] dims = (batching ? slot.dims().orElseThrow().prepend(rows) : slot.dims().orElseThrow()).toArray();
            values[i] = new IValue(onDevice(
                    torch.zeros(dims, new TensorOptions(TorchTypes.scalarType(slot.dataType())))));
        }
        return vector(values);
    }

    private IValueVector vector(IValue[] values) {
        return dictionary == null ? new IValueVector(values) : new IValueVector(dictionary.make(values));
    }

    private org.bytedeco.pytorch.Tensor onDevice(org.bytedeco.pytorch.Tensor tensor) {
        return gpu == null ? tensor : gpu.upload(tensor);
    }

    @Override
    public void close() {
        bindings.forEach(Binding::close);
        if (dictionary != null) {
            dictionary.close();
        }
    }

    /** The arguments of one execution, and the memory that they wrap. */
    record Arguments(IValueVector values, List<MemorySegment> memory) {
        /** Returns whether that address lies in an input's memory, which may not be handed on. */
        boolean wraps(long address) {
            for (MemorySegment segment : memory) {
                if (address >= segment.address() && address < segment.address() + Math.max(1, segment.byteSize())) {
                    return true;
                }
            }
            return false;
        }
    }

    /** What one input keeps from execution to execution. */
    private static final class Binding implements AutoCloseable {
        private final InputPlan.Slot slot;
        private final InputGatherer gatherer;
        private final @Nullable BatchInputMaker maker;
        private final SegmentPointer pointer = new SegmentPointer();
        private final @Nullable TensorOptions options;
        private final Type.@Nullable TypePtr elementType;
        private final ScratchMemory scratch;
        private final boolean isStaged;

        Binding(InputPlan.Slot slot, LoadedModule module, @Nullable GpuSession gpu) {
            this.slot = slot;
            this.isStaged = gpu != null && slot.dataType() != DataType.BYTES;
            this.scratch = gpu != null && isStaged ? gpu.staging() : new ScratchMemory();
            this.gatherer = isStaged
                    ? new InputGatherer(slot.name(), scratch::reserve)
                    : new InputGatherer(slot.name());
            this.maker = slot.batchInput().map(batchInput -> new BatchInputMaker(slot.name(), batchInput))
                    .orElse(null);
            boolean strings = slot.dataType() == DataType.BYTES;
            this.options = strings ? null : new TensorOptions(TorchTypes.scalarType(slot.dataType()));
            this.elementType = strings ? module.listElementType(slot.position()) : null;
        }

        /** The requests of a batch have the same inputs, so the first one tells. */
        boolean isAbsent(Batch batch) {
            return slot.isOptional() && batch.requests().getFirst().input(slot.name()).isEmpty();
        }

        Tensor gather(Batch batch) {
            if (maker != null) {
                return maker.make(batch);
            }
            return slot.isRagged() ? gatherer.gatherFlat(batch) : gatherer.gather(batch);
        }

        /** Returns the tensor's memory, or an aligned native copy where libtorch could not use it as it is. */
        MemorySegment usable(Tensor tensor) {
            if (tensor.placement().kind() == Placement.Kind.GPU) {
                throw InferenceException
                        .unsupported("input '" + slot.name() + "' lies in GPU memory, expected host memory");
            }
            MemorySegment data = tensor.data();
            long element = Math.max(1, tensor.dataType().byteSize());
            if (data.byteSize() == 0) {
                return MemorySegment.NULL;
            }
            if (isStaged ? scratch.holds(data) : data.isNative() && data.address() % element == 0) {
                return data;
            }
            MemorySegment copy = scratch.reserve(data.byteSize());
            MemorySegment.copy(data, 0, copy, 0, data.byteSize());
            return copy;
        }

        org.bytedeco.pytorch.Tensor wrap(Tensor tensor, MemorySegment memory) {
            return torch.from_blob(pointer.at(memory), tensor.shape().toArray(),
                    Objects.requireNonNull(options));
        }

        IValue strings(Tensor tensor, MemorySegment memory) {
            List<MemorySegment> elements = BytesElements.slices(memory);
            checkCount(tensor.shape(), elements.size());
            GenericList list = new GenericList(Objects.requireNonNull(elementType));
            list.reserve(elements.size());
            for (MemorySegment element : elements) {
                // One scope for each element: a large list would hold as many pointers otherwise.
                try (PointerScope _ = new PointerScope()) {
                    list.push_back(element.byteSize() == 0 ? new IValue("") : new IValue(pointer.at(element)));
                }
            }
            return new IValue(list);
        }

        private void checkCount(Shape shape, int count) {
            if (shape.elementCount() != count) {
                throw InferenceException.invalid("input '" + slot.name() + "' holds " + count + " elements, its shape "
                        + shape + " asks for " + shape.elementCount());
            }
        }

        @Override
        public void close() {
            gatherer.close();
            scratch.close();
            if (maker != null) {
                maker.close();
            }
            if (options != null) {
                options.close();
            }
            if (elementType != null) {
                elementType.close();
            }
        }
    }
}
