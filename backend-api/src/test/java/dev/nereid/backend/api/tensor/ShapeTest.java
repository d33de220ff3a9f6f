package dev.nereid.backend.api.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShapeTest {
    @Test
    void countsElements() {
        assertEquals(24, Shape.of(2, 3, 4).elementCount());
        assertEquals(1, Shape.of().elementCount());
        assertEquals(0, Shape.of(2, 0, 4).elementCount());
        assertEquals(Long.MAX_VALUE, Shape.of(Long.MAX_VALUE, 1).elementCount());
    }

    @Test
    void countsZeroWhateverTheOtherDimensionsMultiplyTo() {
        assertEquals(0, Shape.of(Long.MAX_VALUE, Long.MAX_VALUE, 0).elementCount());
    }

    @Test
    void refusesACountThatOverflows() {
        for (Shape shape : List.of(Shape.of(Long.MAX_VALUE, 2), Shape.of(1L << 32, 1L << 31),
                Shape.of(1L << 32, 1L << 32), Shape.of(3037000500L, 3037000500L))) {
            var failure = assertThrows(InferenceException.class, shape::elementCount);

            assertEquals(StatusCode.INVALID_ARG, failure.code());
            assertEquals("shape " + shape
                    + " causes total element count to exceed maximum size of 9223372036854775807",
                    failure.getMessage());
        }
    }

    @Test
    void refusesNegativeDimensions() {
        var failure = assertThrows(InferenceException.class, () -> Shape.of(2, -1));

        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals("shape [2,-1] has a negative dimension", failure.getMessage());
    }

    @Test
    void isTheSameFromListAndFromArray() {
        assertEquals(Shape.of(1, 2), Shape.of(List.of(1L, 2L)));
        assertEquals(Shape.of(1, 2).hashCode(), Shape.of(List.of(1L, 2L)).hashCode());
        assertNotEquals(Shape.of(1, 2), Shape.of(2, 1));
        assertNotEquals(Shape.of(), Shape.of(1));
    }

    @Test
    void isNotChangedThroughArrays() {
        long[] dimensions = {1, 2};
        Shape shape = Shape.of(dimensions);
        dimensions[0] = 9;
        shape.toArray()[1] = 9;

        assertArrayEquals(new long[]{1, 2}, shape.toArray());
    }

    @Test
    void changesTheOutermostDimension() {
        assertEquals(Shape.of(5, 3), Shape.of(2, 3).withFirst(5));
        assertEquals(Shape.of(5, 2, 3), Shape.of(2, 3).prepend(5));
        assertEquals(Shape.of(3), Shape.of(2, 3).withoutFirst());
        assertEquals(Shape.of(), Shape.of(2).withoutFirst());
        assertEquals(Shape.of(7), Shape.of().prepend(7));
    }

    @Test
    void aScalarHasNoOutermostDimension() {
        assertThrows(IllegalStateException.class, () -> Shape.of().withFirst(1));
        assertThrows(IllegalStateException.class, () -> Shape.of().withoutFirst());
    }

    @Test
    void printsAsTheProtocolDoes() {
        assertEquals("[1,3,224]", Shape.of(1, 3, 224).toString());
        assertEquals("[]", Shape.of().toString());
    }
}
