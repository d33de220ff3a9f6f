package dev.nereid.backend.api.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class TensorTest {
    @AutoClose
    private final Arena arena = Arena.ofConfined();

    @Test
    void takesDataThatFillsTheShape() {
        for (DataType dataType : DataType.values()) {
            if (dataType.isFixedSize()) {
                assertEquals(6L * dataType.byteSize(), new Tensor("X", dataType, Shape.of(2, 3),
                        arena.allocate(6L * dataType.byteSize())).byteSize());
            }
        }
    }

    @Test
    void aScalarIsOneElement() {
        assertEquals(8, new Tensor("X", DataType.INT64, Shape.of(), arena.allocate(8)).byteSize());
    }

    @Test
    void aShapeOfZeroElementsHasNoBytes() {
        assertEquals(0, new Tensor("X", DataType.FP32, Shape.of(0, 4), MemorySegment.NULL).byteSize());
    }

    @Test
    void refusesDataThatDoesNotFillTheShape() {
        MemorySegment fourBytes = arena.allocate(4);

        var failure = assertThrows(InferenceException.class,
                () -> new Tensor("INPUT0", DataType.FP32, Shape.of(2, 2), fourBytes));

        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals("tensor 'INPUT0' has 4 bytes, expected 16", failure.getMessage());
    }

    @Test
    void refusesASizeThatOverflows() {
        var failure = assertThrows(InferenceException.class,
                () -> Tensor.byteSize("X", DataType.FP64, Shape.of(1L << 60)));

        assertEquals("byte size for tensor 'X' exceeds maximum size of 9223372036854775807", failure.getMessage());
        assertEquals((1L << 62), Tensor.byteSize("X", DataType.FP32, Shape.of(1L << 60)));
    }

    @Test
    void takesAnyBytesForByteStrings() {
        assertEquals(5, new Tensor("X", DataType.BYTES, Shape.of(1), arena.allocate(5)).byteSize());
    }

    @Test
    void liesInHostMemoryUnlessSaidOtherwise() {
        assertEquals(Placement.CPU, new Tensor("X", DataType.INT8, Shape.of(1), arena.allocate(1)).placement());
        assertThrows(IllegalArgumentException.class, () -> new Placement(Placement.Kind.GPU, -1));
    }

    @Test
    void readsNumbersAtOddAddresses() {
        MemorySegment data = arena.allocate(9).asSlice(1);
        data.set(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 4, Float.floatToIntBits(2.5f));

        assertArrayEquals(new float[]{0, 2.5f}, new Tensor("X", DataType.FP32, Shape.of(2), data).toFloatArray());
        assertThrows(IllegalStateException.class,
                () -> new Tensor("X", DataType.INT32, Shape.of(2), data).toFloatArray());
    }
}
