package dev.nereid.backend.api.batch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Puts one input of all requests of a batch into one contiguous tensor.
 *
 * <p>An instance keeps one gatherer for each of its inputs and closes it in its own {@code close()}. The memory is
 * reused from batch to batch and grows to the largest one. Not thread-safe, but not bound to one thread either.
 */
public final class InputGatherer implements AutoCloseable {
    private static final long SMALLEST = 4096;

    private final String inputName;
    private final LongFunction<MemorySegment> memory;
    private @Nullable Arena arena;
    private MemorySegment buffer = MemorySegment.NULL;

    /** Creates a gatherer for the input of that name. */
    public InputGatherer(String inputName) {
        this.inputName = inputName;
        this.memory = this::reserve;
    }

    /**
     * Creates a gatherer that joins requests in memory of the backend's own, such as page-locked memory from which a GPU
     * is filled.
     *
     * @param memory returns that many bytes, which the next call may give out again; never closed here
     */
    public InputGatherer(String inputName, LongFunction<MemorySegment> memory) {
        this.inputName = inputName;
        this.memory = memory;
    }

    /**
     * Returns the input of the whole batch: of a single request as it is, without a copy; of several requests joined
     * along the first dimension. Valid until the next call, and no longer than the requests.
     *
     * @throws InferenceException INVALID_ARG when a request lacks the input, or datatypes differ, or shapes beyond
     *     the first dimension; UNSUPPORTED when several requests have it in GPU memory
     */
    public Tensor gather(Batch batch) {
        return join(batch.requests(), false);
    }

    /** Returns the input of the whole batch as one flat tensor, whatever the requests' shapes: ragged batching. */
    public Tensor gatherFlat(Batch batch) {
        return join(batch.requests(), true);
    }

    /**
     * Returns a tensor that native code can read in place: the same where its memory is native and aligned to its
     * elements, as that of several joined requests always is; else a copy. Valid until the next call of any method.
     */
    public Tensor aligned(Tensor tensor) {
        MemorySegment data = tensor.data();
        long alignment = Math.max(1, tensor.dataType().byteSize());
        if (tensor.placement().kind() == Placement.Kind.GPU
                || (data.isNative() && data.address() != 0 && data.address() % alignment == 0)) {
            return tensor;
        }
        MemorySegment copy = reserve(Math.max(1, data.byteSize())).asSlice(0, data.byteSize());
        copy.copyFrom(data);
        return new Tensor(tensor.name(), tensor.dataType(), tensor.shape(), copy.asReadOnly());
    }

    private Tensor join(List<InferenceRequest> requests, boolean flat) {
        Tensor first = tensor(requests.getFirst());
        if (requests.size() == 1) {
            return flat
                    ? new Tensor(first.name(), first.dataType(), Shape.of(first.shape().elementCount()), first.data(),
                            first.placement())
                    : first;
        }
        long bytes = 0;
        long rows = 0;
        for (InferenceRequest request : requests) {
            Tensor tensor = tensor(request);
            checkJoins(first, tensor, flat);
            bytes = Math.addExact(bytes, tensor.byteSize());
            rows = Math.addExact(rows, flat ? tensor.shape().elementCount() : tensor.shape().dimension(0));
        }
        MemorySegment target = memory.apply(bytes);
        long offset = 0;
        for (InferenceRequest request : requests) {
            MemorySegment source = tensor(request).data();
            MemorySegment.copy(source, 0, target, offset, source.byteSize());
            offset += source.byteSize();
        }
        Shape shape = flat ? Shape.of(rows) : first.shape().withFirst(rows);
        return new Tensor(inputName, first.dataType(), shape, target.asReadOnly());
    }

    private Tensor tensor(InferenceRequest request) {
        return request.input(inputName).orElseThrow(
                () -> InferenceException
                        .invalid(RequestIds.prefix(request) + "request has no input '" + inputName + "'"));
    }

    private void checkJoins(Tensor first, Tensor other, boolean flat) {
        if (other.placement().kind() == Placement.Kind.GPU) {
            throw InferenceException.unsupported("input '" + inputName + "' lies in GPU memory and can't be batched");
        }
        boolean joins = first.dataType() == other.dataType() && (flat || sameBeyondFirst(first.shape(), other.shape()));
        if (!joins) {
            throw InferenceException.invalid("input '" + inputName + "' can't be batched: one request has "
                    + first.dataType() + first.shape() + ", another " + other.dataType() + other.shape());
        }
    }

    private static boolean sameBeyondFirst(Shape first, Shape other) {
        if (first.rank() == 0 || first.rank() != other.rank()) {
            return false;
        }
        for (int i = 1; i < first.rank(); i++) {
            if (first.dimension(i) != other.dimension(i)) {
                return false;
            }
        }
        return true;
    }

    @SuppressWarnings("MustBeClosedChecker") // close() closes it
    private MemorySegment reserve(long bytes) {
        if (buffer.byteSize() < bytes) {
            close();
            Arena larger = Arena.ofShared();
            arena = larger;
            buffer = larger.allocate(Math.max(SMALLEST, bytes), 64);
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
