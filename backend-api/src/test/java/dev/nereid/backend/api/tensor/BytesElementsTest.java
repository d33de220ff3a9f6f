package dev.nereid.backend.api.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class BytesElementsTest {
    private static final byte[] AB_EMPTY_C = {2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 1, 0, 0, 0, 'c'};

    @Test
    void readsElements() {
        List<byte[]> elements = BytesElements.copies(MemorySegment.ofArray(AB_EMPTY_C));

        assertEquals(3, elements.size());
        assertArrayEquals(new byte[]{'a', 'b'}, elements.get(0));
        assertArrayEquals(new byte[0], elements.get(1));
        assertArrayEquals(new byte[]{'c'}, elements.get(2));
    }

    @Test
    void slicesShareTheMemory() {
        byte[] data = AB_EMPTY_C.clone();
        MemorySegment slice = BytesElements.slices(MemorySegment.ofArray(data)).getFirst();
        data[4] = 'x';

        assertEquals('x', slice.get(ValueLayout.JAVA_BYTE, 0));
    }

    @Test
    void writesElements() {
        List<byte[]> elements = List.of(new byte[]{'a', 'b'}, new byte[0], new byte[]{'c'});
        byte[] target = new byte[(int) BytesElements.byteSize(elements)];

        BytesElements.write(elements, MemorySegment.ofArray(target));

        assertArrayEquals(AB_EMPTY_C, target);
    }

    @Test
    void nothingIsNoElements() {
        assertEquals(List.of(), BytesElements.copies(MemorySegment.NULL));
        assertEquals(0, BytesElements.byteSize(List.of()));
    }

    @Test
    void refusesDataThatEndsInALength() {
        assertRefused("BYTES tensor ends inside the length of element 1", new byte[]{1, 0, 0, 0, 'a', 1, 0, 0});
    }

    @Test
    void refusesDataThatEndsInAnElement() {
        assertRefused("element 0 of a BYTES tensor has length 3, but only 2 bytes follow",
                new byte[]{3, 0, 0, 0, 'a', 'b'});
    }

    @Test
    void readsLengthsAsUnsigned() {
        assertRefused("element 0 of a BYTES tensor has length 4294967295, but only 1 bytes follow",
                new byte[]{-1, -1, -1, -1, 'a'});
    }

    private static void assertRefused(String message, byte[] data) {
        var failure = assertThrows(InferenceException.class,
                () -> BytesElements.slices(MemorySegment.ofArray(data)));

        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals(message, failure.getMessage());
    }
}
