package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.batch.RequestIds;
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
import org.bytedeco.pytorch.TupleElements;
import org.bytedeco.pytorch.global.torch.TypeKind;
import org.jspecify.annotations.Nullable;

/** Turns the result of {@code forward} into responses. Stateless. */
final class OutputWriter {
    /** Below this a copy is cheaper than keeping the tensor and releasing it from elsewhere. */
    private static final long SMALLEST_HANDED_ON = 32 * 1024;

    private final OutputPlan plan;

    OutputWriter(OutputPlan plan) {
        assert ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
        this.plan = plan;
    }

    /**
     * Returns the results as a list.
     *
     * @throws InferenceException INTERNAL when the result is nothing that can be sent
     */
    static List<IValue> results(IValue result) {
        if (result.isTensor() || isStrings(result)) {
            return List.of(result);
        }
        if (result.isTuple()) {
            TupleElements elements = result.toTupleRef().elements();
            List<IValue> results = new ArrayList<>();
            for (long i = 0; i < elements.size(); i++) {
                results.add(elements.get(i));
            }
            return results;
        }
        throw InferenceException.internal("PyTorch execute failure: output must be of type Tensor, List[str] or Tuple"
                + " containing one of these two types. It should not be a List / Dictionary of Tensors or a Scalar");
    }

    private static boolean isStrings(IValue value) {
        return value.isList() && value.toList().elementType().get().kind().intern() == TypeKind.StringType;
    }

    /** Adds every output that is asked for. The results belong to the caller's scope. */
    void write(List<IValue> results, InputReader.Arguments arguments, BatchResponses responses) {
        for (OutputPlan.Slot slot : plan.slots()) {
            if (slot.position() >= results.size()) {
                throw InferenceException.invalid("The output " + slot.name()
                        + " in the model configuration refers to an output index which doesn't exist. This model has "
                        + results.size() + " outputs");
            }
            if (!responses.isRequested(slot.name())) {
                continue;
            }
            IValue result = results.get(slot.position());
            if (result.isTensor()) {
                writeTensor(slot, result.toTensor(), arguments, responses);
            } else if (isStrings(result)) {
                writeStrings(slot, result.toListRef(), responses);
            } else {
                throw InferenceException.invalid("output '" + slot.name() + "' must be of type Tensor or List[str].");
            }
        }
    }

    private static void writeTensor(OutputPlan.Slot slot, Tensor result, InputReader.Arguments arguments,
            BatchResponses responses) {
        checkType(slot, TorchTypes.dataType(result.scalar_type()));
        int rank = Math.toIntExact(result.dim());
        if (rank == 0) {
            throw InferenceException.invalid("output '" + slot.name() + "' is a scalar which is not supported.");
        }
        Tensor tensor = plain(result);
        long[] dimensions = new long[rank];
        for (int i = 0; i < rank; i++) {
            dimensions[i] = tensor.size(i);
        }
        Shape shape = Shape.of(dimensions);
        long byteSize = dev.nereid.backend.api.tensor.Tensor.byteSize(slot.name(), slot.dataType(), shape);
        if (byteSize == 0) {
            responses.addOutput(slot.name(), slot.dataType(), shape, MemorySegment.NULL.asSlice(0, 0));
            return;
        }
        long address = tensor.const_data_ptr().address();
        MemorySegment memory = NativeTorch.memory(address, byteSize);
        if (slot.shapeSource().isPresent()) {
            writeByShape(slot, slot.shapeSource().get(), memory, responses);
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

    /** Gives each request as many elements as one of its inputs has, in that input's shape. */
    private static void writeByShape(OutputPlan.Slot slot, String source, MemorySegment memory,
            BatchResponses responses) {
        List<InferenceRequest> requests = responses.batch().requests();
        long begin = 0;
        for (int i = 0; i < requests.size(); i++) {
            InferenceRequest request = requests.get(i);
            Shape shape = request.input(source).map(dev.nereid.backend.api.tensor.Tensor::shape)
                    .orElseThrow(() -> InferenceException.invalid("request has no input '" + source + "'"));
            long length = shape.elementCount() * slot.dataType().byteSize();
            if (length > memory.byteSize() - begin) {
                responses.fail(i, new InferenceException(StatusCode.UNSUPPORTED, RequestIds.prefix(request)
                        + "failed to split the output tensor '" + slot.name() + "' in responses: expected at least "
                        + (begin + length) + " bytes in model output, got " + memory.byteSize()));
            } else if (request.isOutputRequested(slot.name())) {
                MemorySegment.copy(memory, begin, responses.response(i)
                        .addOutput(slot.name(), slot.dataType(), shape, length), 0, length);
            }
            begin = Math.min(memory.byteSize(), begin + length);
        }
    }

    private static void checkType(OutputPlan.Slot slot, @Nullable DataType provided) {
        if (provided != slot.dataType()) {
            throw InferenceException.invalid("configuration expects datatype " + slot.dataType().configName()
                    + " for output '" + slot.name() + "', model provides "
                    + (provided == null ? "TYPE_INVALID" : provided.configName()));
        }
    }

    /** Returns the tensor in host memory, row-major, with nothing left to be computed. */
    private static Tensor plain(Tensor result) {
        Tensor tensor = result;
        if (!tensor.is_cpu()) {
            tensor = tensor.cpu();
        }
        if (tensor.is_neg()) {
            tensor = tensor.resolve_neg();
        }
        return tensor.is_contiguous() ? tensor : tensor.contiguous();
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
                BytePointer text = elements.get(i).toStringRef();
                byte[] bytes = new byte[Math.toIntExact(text.limit())];
                if (bytes.length > 0) {
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
