package dev.nereid.engine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TensorTextTest {
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"BOOL;2;0001;false,true", "UINT8;2;00ff;0,255", "INT8;2;00ff;0,-1",
        "UINT16;1;ffff;65535", "INT16;1;ffff;-1", "UINT32;1;ffffffff;4294967295", "INT32;1;ffffffff;-1",
        "UINT64;1;ffffffffffffffff;18446744073709551615", "INT64;1;ffffffffffffffff;-1", "FP16;1;003c;1.0",
        "BF16;1;803f;1.0", "FP32;1;0000c03f;1.5", "FP64;1;000000000000f83f;1.5",
        "BYTES;2;020000006162010000007a;ab,z", "FP32;0;'';''"})
    void writesValues(DataType type, long count, String hex, String expected) {
        MemorySegment data = MemorySegment.ofArray(HexFormat.of().parseHex(hex));

        assertEquals(expected, TensorText.values(new Tensor("t", type, Shape.of(count), data)));
    }

    @Test
    void writesShapes() {
        assertEquals("1,16", TensorText.shape(Shape.of(1, 16)));
        assertEquals("", TensorText.shape(Shape.of()));
    }

    @Test
    void stopsSomewhere() {
        MemorySegment data = MemorySegment.ofArray(new byte[4_000_000]);
        String text = TensorText.values(new Tensor("t", DataType.UINT8, Shape.of(4_000_000), data));

        assertTrue(text.length() < TensorText.MAX_LENGTH + 10);
        assertTrue(text.endsWith(",..."));
    }
}
