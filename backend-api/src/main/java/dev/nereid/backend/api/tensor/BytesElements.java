package dev.nereid.backend.api.tensor;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** The elements of a {@link DataType#BYTES} tensor: each a 4-byte little-endian length, then that many bytes. */
public final class BytesElements {
    private static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private BytesElements() {
    }

    /**
     * Returns the elements as slices of {@code data}, without a copy.
     *
     * @throws InferenceException INVALID_ARG when data ends inside an element
     */
    public static List<MemorySegment> slices(MemorySegment data) {
        List<MemorySegment> elements = new ArrayList<>();
        long offset = 0;
        long size = data.byteSize();
        while (offset < size) {
            if (size - offset < Integer.BYTES) {
                throw InferenceException.invalid("BYTES tensor ends inside the length of element " + elements.size());
            }
            long length = Integer.toUnsignedLong(data.get(LENGTH, offset));
            offset += Integer.BYTES;
            if (length > size - offset) {
                throw InferenceException
                        .invalid("element " + elements.size() + " of a BYTES tensor has length " + length
                                + ", but only " + (size - offset) + " bytes follow");
            }
            elements.add(data.asSlice(offset, length));
            offset += length;
        }
        return elements;
    }

    /** Returns copies of the elements. */
    public static List<byte[]> copies(MemorySegment data) {
        return slices(data).stream().map(slice -> slice.toArray(ValueLayout.JAVA_BYTE)).toList();
    }

    /** Returns how many bytes {@link #write} needs for those elements. */
    public static long byteSize(List<byte[]> elements) {
        long bytes = 0;
        for (byte[] element : elements) {
            bytes += Integer.BYTES + (long) element.length;
        }
        return bytes;
    }

    /** Writes the elements, each with its length before it. */
    public static void write(List<byte[]> elements, MemorySegment target) {
        long offset = 0;
        for (byte[] element : elements) {
            target.set(LENGTH, offset, element.length);
            MemorySegment.copy(element, 0, target, ValueLayout.JAVA_BYTE, offset + Integer.BYTES, element.length);
            offset += Integer.BYTES + (long) element.length;
        }
    }
}
