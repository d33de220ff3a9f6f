package dev.nereid.cache.redis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class StoredResponseTest {
    private static final Tensor TENSOR = new Tensor("Y", DataType.UINT8, Shape.of(2, 1), MemorySegment.ofArray(
            new byte[]{7, 8}));

    @Test
    void readsWhatWasWritten() {
        byte[] bytes = StoredResponse.write(List.of(TENSOR));

        Tensor read = StoredResponse.read(bytes).outputs().getFirst();

        assertEquals(StoredResponse.size(List.of(TENSOR)), bytes.length);
        assertEquals("Y", read.name());
        assertEquals(Shape.of(2, 1), read.shape());
        assertArrayEquals(new byte[]{7, 8}, read.data().toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void whatIsCutOffOrChangedIsNoResponse() {
        byte[] bytes = StoredResponse.write(List.of(TENSOR));
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            assertThrows(IllegalArgumentException.class, () -> StoredResponse.read(cut));
        }
        byte[] type = bytes.clone();
        type[4 + 4 + 4 + 1 + 4] = 'X';
        assertThrows(IllegalArgumentException.class, () -> StoredResponse.read(type));
    }
}
