package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.batch.BatchInputMaker;
import dev.nereid.backend.api.batch.InputGatherer;
import dev.nereid.backend.api.config.Dims;
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
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Storage;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Turns the inputs of a batch into the arguments of {@code forward}. Tensors wrap the requests' memory without a copy
 * where there is one request and the model surely does not write into tensors, and the gathered memory where there are
 * several. For a GPU both are page-locked memory, from which it is filled. Used by one instance, on its thread.
 */
final class InputReader implements AutoCloseable {
    private final List<Binding> bindings;
    private final @Nullable DictionaryMaker dictionary;
    /** What {@code forward} runs on. Empty between executions. */
    private final IValueVector stack = new IValueVector();

    private InputReader(List<Binding> bindings, @Nullable DictionaryMaker dictionary) {
        this.bindings = bindings;
        this.dictionary = dictionary;
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
        return new InputReader(List.copyOf(bindings), dictionary);
    }

    /**
     * Returns the arguments, which {@link #release} must take back. The caller's scope owns what was made for them, and
     * the batch's memory must stay until they are gone.
     */
    Arguments read(Batch batch) {
        List<MemorySegment> memory = new ArrayList<>(bindings.size());
        // What is absent stays what it is now: None.
        stack.resize(bindings.size());
        for (int i = 0; i < bindings.size(); i++) {
            Binding binding = bindings.get(i);
            if (!binding.isAbsent(batch)) {
                Tensor tensor = binding.gather(batch);
                MemorySegment usable = binding.usable(tensor, batch.requests().size() == 1);
                memory.add(usable);
                stack.put(i, binding.value(tensor, usable));
            }
        }
        joinDictionary();
        return new Arguments(stack, memory);
    }

    /**
     * Returns arguments of zeros, for the given number of rows where the model batches; as those of {@link #read}.
     */
    IValueVector zeros(int rows, boolean batching) {
        stack.resize(bindings.size());
        for (int i = 0; i < bindings.size(); i++) {
            Binding binding = bindings.get(i);
            Dims dims = binding.slot.dims().orElseThrow();
            stack.put(i, binding.hold(torch.zeros((batching ? dims.prepend(rows) : dims).toArray(),
                    Objects.requireNonNull(binding.options))));
        }
        joinDictionary();
        return stack;
    }

    private void joinDictionary() {
        if (dictionary != null) {
            IValue joined = dictionary.make(stack.get());
            stack.resize(1);
            stack.put(0, joined);
        }
    }

    /** Takes the arguments back, and what the model left in their place. */
    void release() {
        stack.resize(0);
        bindings.forEach(Binding::release);
    }

    @Override
    public void close() {
        stack.close();
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
        private final @Nullable GpuSession gpu;
        private final boolean isStaged;
        private final boolean mayChange;
        /** The argument, made once: what JavaCPP allocates costs more than all that is done with it. */
        private final IValue argument;
        /** The tensor inside of the argument. */
        private final org.bytedeco.pytorch.Tensor held;
        /** Where that tensor lies, if that memory is somebody else's after the execution; else 0. */
        private long borrowed;

        Binding(InputPlan.Slot slot, LoadedModule module, @Nullable GpuSession gpu) {
            this.slot = slot;
            this.gpu = gpu;
            this.isStaged = gpu != null && slot.dataType() != DataType.BYTES;
            this.mayChange = slot.dataType() != DataType.BYTES && module.mayChangeArguments();
            this.scratch = gpu != null && isStaged ? gpu.staging() : new ScratchMemory();
            this.gatherer = isStaged
                    ? new InputGatherer(slot.name(), scratch::reserve)
                    : new InputGatherer(slot.name());
            this.maker = slot.batchInput().map(batchInput -> new BatchInputMaker(slot.name(), batchInput))
                    .orElse(null);
            boolean strings = slot.dataType() == DataType.BYTES;
            this.options = strings ? null : new TensorOptions(TorchTypes.scalarType(slot.dataType()));
            this.elementType = strings ? module.listElementType(slot.position()) : null;
            try (org.bytedeco.pytorch.Tensor undefined = new org.bytedeco.pytorch.Tensor()) {
                this.argument = new IValue(undefined);
            }
            this.held = argument.toTensor();
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

        /**
         * Returns the tensor's memory, or an aligned native copy where libtorch could not use it as it is, or might write
         * into what a request has lent.
         */
        MemorySegment usable(Tensor tensor, boolean isLent) {
            if (tensor.placement().kind() == Placement.Kind.GPU) {
                throw InferenceException
                        .unsupported("input '" + slot.name() + "' lies in GPU memory, expected host memory");
            }
            MemorySegment data = tensor.data();
            long element = Math.max(1, tensor.dataType().byteSize());
            if (data.byteSize() == 0) {
                return MemorySegment.NULL;
            }
            if (isStaged
                    ? scratch.holds(data)
                    : data.isNative() && data.address() % element == 0 && !(mayChange && isLent)) {
                return data;
            }
            MemorySegment copy = scratch.reserve(data.byteSize());
            MemorySegment.copy(data, 0, copy, 0, data.byteSize());
            return copy;
        }

        IValue value(Tensor tensor, MemorySegment memory) {
            if (tensor.dataType() == DataType.BYTES) {
                return strings(tensor, memory);
            }
            IValue value = hold(torch.from_blob(pointer.at(memory), tensor.shape().toArray(),
                    Objects.requireNonNull(options)));
            borrowed = gpu == null ? memory.address() : 0;
            return value;
        }

        /** Returns the argument with that tensor, brought to the device, in it. */
        IValue hold(org.bytedeco.pytorch.Tensor tensor) {
            held.put(gpu == null ? tensor : gpu.upload(tensor));
            return argument;
        }

        /** Lets go of the tensor. */
        void release() {
            try {
                if (borrowed != 0) {
                    leaveToModel(borrowed);
                }
            } finally {
                borrowed = 0;
                held.reset();
            }
        }

        /** Gives the tensor memory of its own where the model has kept it, or a view of it. */
        private void leaveToModel(long address) {
            Storage storage = held.storage();
            if ((held.use_count() == 1 && storage.use_count() == 1) || storage.data().address() != address) {
                return;
            }
            long byteSize = storage.nbytes();
            try (PointerScope _ = new PointerScope()) {
                org.bytedeco.pytorch.Tensor copy = torch.empty(new long[]{byteSize}, new TensorOptions(ScalarType.Byte),
                        new MemoryFormatOptional());
                Pointer.memcpy(copy.data_ptr(), storage.data(), byteSize);
                storage.swap_data_ptr(copy.storage());
            }
        }

        private IValue strings(Tensor tensor, MemorySegment memory) {
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
            argument.close();
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
