package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueArrayRef;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.TypeKind;
import org.jspecify.annotations.Nullable;

/** Turns the results of a model into responses. Used by one instance. */
final class OutputWriter {
    /** Below this a copy is cheaper than keeping the tensor and releasing it from elsewhere. */
    private static final long SMALLEST_HANDED_ON = 32 * 1024;

    private final OutputPlan plan;
    private final @Nullable GpuSession gpu;

    OutputWriter(OutputPlan plan, @Nullable GpuSession gpu) {
        assert ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
        this.plan = plan;
        this.gpu = gpu;
    }

    /** Returns whether a value is a {@code List[str]}. */
    static boolean isStrings(IValue value) {
        return value.isList() && value.toList().elementType().get().kind().intern() == TypeKind.StringType;
    }

    /**
     * An output that is to be written.
     *
     * @param slot which one
     * @param value the result
     * @param tensor the result in host memory, where it is a tensor
     */
    private record Pending(OutputPlan.Slot slot, IValue value, @Nullable Tensor tensor) {
    }

    /** Adds every output that is asked for. The results belong to the caller's scope. */
    void write(List<IValue> results, InputReader.Arguments arguments, BatchResponses responses) {
        List<Pending> outputs = new ArrayList<>(plan.slots().size());
        for (OutputPlan.Slot slot : plan.slots()) {
            if (slot.position() >= results.size()) {
                throw InferenceException.invalid("The output " + slot.name()
                        + " in the model configuration refers to an output index which doesn't exist. This model has "
                        + results.size() + " outputs");
            }
            if (responses.isRequested(slot.name())) {
                IValue value = results.get(slot.position());
                outputs.add(new Pending(slot, value, value.isTensor() ? onHost(slot, value.toTensor()) : null));
            }
        }
        if (gpu != null) {
            // All copies to the host run at once.
            gpu.await();
        }
        for (Pending output : outputs) {
            Tensor tensor = output.tensor();
            if (tensor != null) {
                writeTensor(output.slot(), tensor, arguments, responses);
            } else if (isStrings(output.value())) {
                writeStrings(output.slot(), output.value().toListRef(), responses);
            } else {
                throw InferenceException
                        .invalid("output '" + output.slot().name() + "' must be of type Tensor or List[str].");
            }
        }
    }

    /** Checks a result and returns it row-major and with nothing left to be computed, on its way to host memory. */
    private Tensor onHost(OutputPlan.Slot slot, Tensor result) {
        checkType(slot, TorchTypes.dataType(result.scalar_type()));
        if (result.dim() == 0) {
            throw InferenceException.invalid("output '" + slot.name() + "' is a scalar which is not supported.");
        }
        Tensor tensor = result.is_neg() ? result.resolve_neg() : result;
        tensor = tensor.is_contiguous() ? tensor : tensor.contiguous();
        if (gpu != null) {
            return gpu.download(tensor);
        }
        return tensor.is_cpu() ? tensor : tensor.cpu();
    }

    private static void writeTensor(OutputPlan.Slot slot, Tensor tensor, InputReader.Arguments arguments,
            BatchResponses responses) {
        long[] dimensions = new long[Math.toIntExact(tensor.dim())];
        for (int i = 0; i < dimensions.length; i++) {
            dimensions[i] = tensor.size(i);
        }
        Shape shape = Shape.of(dimensions);
        long byteSize = dev.nereid.backend.api.tensor.Tensor.byteSize(slot.name(), slot.dataType(), shape);
        long address = byteSize == 0 ? 0 : tensor.const_data_ptr().address();
        MemorySegment memory = NativeTorch.memory(address, byteSize);
        if (slot.shapeSource().isPresent()) {
            responses.addOutputLike(slot.shapeSource().get(), slot.name(), slot.dataType(), memory);
            return;
        }
        if (byteSize >= SMALLEST_HANDED_ON && isOurs(tensor) && !arguments.wraps(address)) {
            // What is in our hand may be a reference into the result, which the scope frees.
            Tensor kept = new Tensor(tensor);
            kept.retainReference();
            responses.addOutput(slot.name(), slot.dataType(), shape, memory, kept::releaseReference);
        } else {
            responses.addOutput(slot.name(), slot.dataType(), shape, memory);
        }
    }

    private static void checkType(OutputPlan.Slot slot, @Nullable DataType provided) {
        if (provided != slot.dataType()) {
            throw InferenceException.invalid("configuration expects datatype " + slot.dataType().configName()
                    + " for output '" + slot.name() + "', model provides "
                    + (provided == null ? "TYPE_INVALID" : provided.configName()));
        }
    }

    /**
     * Returns whether nobody else holds the memory. A model may return its own state or a constant, which the next
     * execution could change while a response is still being sent.
     */
    private static boolean isOurs(Tensor tensor) {
        return tensor.storage().use_count() == 1 && tensor.use_count() == 1;
    }

    private static void writeStrings(OutputPlan.Slot slot, IValueArrayRef elements, BatchResponses responses) {
        checkType(slot, DataType.BYTES);
        List<byte[]> texts = new ArrayList<>();
        for (long i = 0; i < elements.size(); i++) {
            try (PointerScope _ = new PointerScope()) {
                // The bindings have no pointer for an empty text.
                @Nullable
                BytePointer text = elements.get(i).toStringRef();
                byte[] bytes = new byte[text == null ? 0 : Math.toIntExact(text.limit())];
                if (text != null) {
                    text.get(bytes);
                }
                texts.add(bytes);
            }
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(BytesElements.byteSize(texts));
            BytesElements.write(texts, memory);
            responses.addOutput(slot.name(), DataType.BYTES, Shape.of(texts.size()), memory);
        }
    }

}
