package dev.nereid.backend.api.batch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes an input from the shapes of a batch, for models that unpack ragged batches themselves.
 *
 * <p>An instance keeps one maker for each target of a {@code batch_input} and closes it in its own {@code close()}. Not
 * thread-safe, but not bound to one thread either.
 */
public final class BatchInputMaker implements AutoCloseable {
    private static final long SMALLEST = 256;
    private static final long ALIGNMENT = 64;

    private final String name;
    private final BatchInput batchInput;
    private final DataType dataType;
    private @Nullable Arena arena;
    private MemorySegment buffer = MemorySegment.NULL;

    /** Creates a maker for the model's input of that name, one of the targets of {@code batchInput}. */
    public BatchInputMaker(String name, BatchInput batchInput) {
        this.name = name;
        this.batchInput = batchInput;
        this.dataType = batchInput.dataType().orElseThrow();
    }

    /**
     * Returns the input; valid until the next call.
     *
     * @throws InferenceException INVALID_ARG when a request lacks the input that is described
     */
    public Tensor make(Batch batch) {
        List<Long> values = new ArrayList<>();
        List<InferenceRequest> requests = batch.requests();
        return switch (batchInput.kind()) {
            case ELEMENT_COUNT -> {
                requests.forEach(request -> values.add(source(request).elementCount()));
                yield flat(values);
            }
            case ACCUMULATED_ELEMENT_COUNT -> {
                accumulate(requests, values);
                yield flat(values);
            }
            case ACCUMULATED_ELEMENT_COUNT_WITH_ZERO -> {
                values.add(0L);
                accumulate(requests, values);
                yield flat(values);
            }
            case MAX_ELEMENT_COUNT_AS_SHAPE -> {
                long largest = requests.stream().mapToLong(request -> source(request).elementCount()).max().orElse(0);
                yield tensor(new long[Math.toIntExact(largest)], Shape.of(largest));
            }
            case ITEM_SHAPE -> {
                long rank = itemShapes(requests, values);
                yield tensor(array(values), Shape.of(rank == 0 ? 0 : values.size() / rank, rank));
            }
            case ITEM_SHAPE_FLATTEN -> {
                itemShapes(requests, values);
                yield flat(values);
            }
        };
    }

    private void accumulate(List<InferenceRequest> requests, List<Long> values) {
        long sum = 0;
        for (InferenceRequest request : requests) {
            sum += source(request).elementCount();
            values.add(sum);
        }
    }

    private long itemShapes(List<InferenceRequest> requests, List<Long> values) {
        long rank = 0;
        for (InferenceRequest request : requests) {
            Shape item = source(request).withoutFirst();
            rank = item.rank();
            for (int row = 0; row < request.batchSize(); row++) {
                for (long dimension : item.toArray()) {
                    values.add(dimension);
                }
            }
        }
        return rank;
    }

    private Shape source(InferenceRequest request) {
        String source = batchInput.sourceInputs().getFirst();
        return request.input(source)
                .orElseThrow(() -> InferenceException.invalid("request has no input '" + source + "'")).shape();
    }

    private Tensor flat(List<Long> values) {
        return tensor(array(values), Shape.of(values.size()));
    }

    private static long[] array(List<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }

    private Tensor tensor(long[] values, Shape shape) {
        MemorySegment memory = reserve(values.length * (long) dataType.byteSize());
        for (int i = 0; i < values.length; i++) {
            if (dataType == DataType.FP32) {
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
            } else {
                memory.setAtIndex(ValueLayout.JAVA_INT, i, Math.toIntExact(values[i]));
            }
        }
        return new Tensor(name, dataType, shape, memory);
    }

    @SuppressWarnings("MustBeClosedChecker") // close() closes it
    private MemorySegment reserve(long bytes) {
        if (buffer.byteSize() < bytes || buffer.address() == 0) {
            close();
            Arena larger = Arena.ofShared();
            arena = larger;
            buffer = larger.allocate(Math.max(SMALLEST, bytes), ALIGNMENT);
        }
        return buffer.asSlice(0, bytes);
    }

    /** Frees the memory. */
    @Override
    public void close() {
        Arena old = arena;
        arena = null;
        buffer = MemorySegment.NULL;
        if (old != null) {
            old.close();
        }
    }
}
