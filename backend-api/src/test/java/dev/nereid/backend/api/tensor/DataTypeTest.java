package dev.nereid.backend.api.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class DataTypeTest {
    @ParameterizedTest
    @CsvSource({"BOOL,1", "UINT8,1", "UINT16,2", "UINT32,4", "UINT64,8", "INT8,1", "INT16,2", "INT32,4", "INT64,8",
        "FP16,2", "FP32,4", "FP64,8", "BF16,2", "BYTES,0"})
    void hasTheProtocolsSizes(DataType dataType, int bytes) {
        assertEquals(bytes, dataType.byteSize());
    }

    @ParameterizedTest
    @EnumSource
    void isFoundByItsProtocolName(DataType dataType) {
        assertEquals(Optional.of(dataType), DataType.parse(dataType.name()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "fp32", "FP31", "STRING", "TYPE_FP32", " FP32"})
    void knowsNoOtherNames(String name) {
        assertEquals(Optional.empty(), DataType.parse(name));
    }

    @Test
    void hasTheConfigurationsName() {
        assertEquals("TYPE_FP32", DataType.FP32.configName());
        assertEquals("TYPE_STRING", DataType.BYTES.configName());
    }
}
