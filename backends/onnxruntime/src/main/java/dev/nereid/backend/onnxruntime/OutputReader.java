package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.config.BatchOutput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;

/** Turns ONNX Runtime's tensors into outputs of responses. Stateless. */
final class OutputReader {
    /** Below this a copy is cheaper than keeping the tensor and releasing it from elsewhere. */
    private static final long SMALLEST_HANDED_ON = 32 * 1024;
    private static final ValueLayout.OfInt LENGTH = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final OrtApi api;
    private final List<BatchOutput> batchOutputs;

    OutputReader(OrtApi api, List<BatchOutput> batchOutputs) {
        this.api = api;
        this.batchOutputs = batchOutputs;
    }

    /** Returns the input by whose shapes an output is split, if it is not split by rows. */
    private Optional<String> sourceOf(ModelOutput output) {
        return batchOutputs.stream().filter(batchOutput -> batchOutput.targetNames().contains(output.name()))
                .map(batchOutput -> batchOutput.sourceInputs().getFirst()).findFirst();
    }

    /** Adds one output; takes over a large tensor where that is possible. */
    void read(ModelOutput output, OutputValue value, InputFeeder.Feed feed, BatchResponses responses, Arena arena) {
        MemorySegment result = arena.allocate(JAVA_LONG);
        api.tensorInfo(value.address(), result.address());
        long info = result.get(JAVA_LONG, 0);
        DataType dataType;
        long[] dimensions;
        try {
            dataType = checkedType(output, OrtSession.TensorInfos.elementType(api, info, arena));
            dimensions = OrtSession.TensorInfos.dimensions(api, info, arena);
        } finally {
            api.releaseTensorInfo(info);
        }
        // A configuration can't say that a tensor is a scalar: its dims stand for it.
        Shape shape = dimensions.length == 0 ? Shape.of(output.backendDims().toArray()) : Shape.of(dimensions);
        if (dataType == DataType.BYTES) {
            addTexts(output, value.address(), shape, responses);
            return;
        }
        api.tensorData(value.address(), result.address());
        long byteSize = Tensor.byteSize(output.name(), dataType, shape);
        long address = result.get(JAVA_LONG, 0);
        MemorySegment data = byteSize == 0
                ? MemorySegment.NULL
                : OrtApi.memory(address, byteSize);
        Optional<String> source = sourceOf(output);
        if (source.isPresent()) {
            responses.addOutputLike(source.get(), output.name(), dataType, data);
            return;
        }
        // A model may pass an input on as it is; that memory is the request's.
        if (byteSize >= SMALLEST_HANDED_ON && !feed.holds(address)) {
            responses.addOutput(output.name(), dataType, shape, data, value.handOver());
        } else {
            responses.addOutput(output.name(), dataType, shape, data);
        }
    }

    private static DataType checkedType(ModelOutput output, int code) {
        Optional<DataType> provided = OnnxTypes.dataType(code);
        if (!provided.equals(output.dataType())) {
            throw InferenceException.internal("configuration expects datatype "
                    + output.dataType().map(DataType::configName).orElse("TYPE_INVALID") + " for output '"
                    + output.name() + "', model provides "
                    + provided.map(DataType::configName).orElse("TYPE_INVALID"));
        }
        return provided.orElseThrow();
    }

    private void addTexts(ModelOutput output, long value, Shape shape, BatchResponses responses) {
        int count = Math.toIntExact(shape.elementCount());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment length = arena.allocate(JAVA_LONG);
            api.stringsLength(value, length.address());
            long contentSize = length.get(JAVA_LONG, 0);
            MemorySegment content = arena.allocate(Math.max(1, contentSize));
            MemorySegment offsets = arena.allocate(JAVA_LONG, Math.max(1, count));
            if (count > 0) {
                api.stringsContent(value, content.address(), contentSize, offsets.address(), count);
            }
            MemorySegment texts = arena.allocate(contentSize + count * (long) Integer.BYTES);
            long at = 0;
            for (int i = 0; i < count; i++) {
                long begin = offsets.getAtIndex(JAVA_LONG, i);
                long end = i + 1 < count ? offsets.getAtIndex(JAVA_LONG, i + 1L) : contentSize;
                texts.set(LENGTH, at, Math.toIntExact(end - begin));
                MemorySegment.copy(content, JAVA_BYTE, begin, texts, JAVA_BYTE, at + Integer.BYTES, end - begin);
                at += Integer.BYTES + end - begin;
            }
            responses.addOutput(output.name(), DataType.BYTES, shape, texts);
        }
    }
}
