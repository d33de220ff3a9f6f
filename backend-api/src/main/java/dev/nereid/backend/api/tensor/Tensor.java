package dev.nereid.backend.api.tensor;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * A named tensor over memory that it does not own: row-major, contiguous, little-endian. The memory of an input
 * need not be aligned: read it with the unaligned layouts of {@link java.lang.foreign.ValueLayout}.
 *
 * @param name the input's or output's name
 * @param dataType the element type
 * @param shape the dimensions, including the batch dimension where the model batches
 * @param data exactly the tensor's bytes
 * @param placement where the memory lies
 */
public record Tensor(String name, DataType dataType, Shape shape, MemorySegment data, Placement placement) {
    private static final ValueLayout.OfFloat FP32 = ValueLayout.JAVA_FLOAT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Checks that data fills the shape; the elements of BYTES vary in size, so there only their content could tell. */
    public Tensor {
        Objects.requireNonNull(name);
        Objects.requireNonNull(placement);
        if (dataType.isFixedSize()) {
            long expected = byteSize(name, dataType, shape);
            if (data.byteSize() != expected) {
                throw InferenceException.invalid(
                        "tensor '" + name + "' has " + data.byteSize() + " bytes, expected " + expected);
            }
        }
    }

    /** Creates a tensor in plain host memory. */
    public Tensor(String name, DataType dataType, Shape shape, MemorySegment data) {
        this(name, dataType, shape, data, Placement.CPU);
    }

    /** Returns the number of bytes. */
    public long byteSize() {
        return data.byteSize();
    }

    /**
     * Returns a copy of the numbers.
     *
     * @throws IllegalStateException when the datatype is not FP32, or the memory is a GPU's
     */
    public float[] toFloatArray() {
        if (dataType != DataType.FP32 || placement.kind() == Placement.Kind.GPU) {
            throw new IllegalStateException("tensor '" + name + "' is " + dataType + " in memory of kind "
                    + placement.kind() + ", not FP32 in host memory");
        }
        return data.toArray(FP32);
    }

    /**
     * Returns the bytes of a tensor of a datatype with elements of fixed size.
     *
     * @throws InferenceException INVALID_ARG when that does not fit a signed 64-bit number
     */
    public static long byteSize(String name, DataType dataType, Shape shape) {
        long count = shape.elementCount();
        if (count > Long.MAX_VALUE / Math.max(1, dataType.byteSize())) {
            throw InferenceException
                    .invalid("byte size for tensor '" + name + "' exceeds maximum size of " + Long.MAX_VALUE);
        }
        return count * dataType.byteSize();
    }
}
