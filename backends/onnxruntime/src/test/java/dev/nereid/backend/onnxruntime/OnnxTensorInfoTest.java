package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.DataType;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class OnnxTensorInfoTest {
    @Test
    void isReadable() {
        assertEquals("IMAGE TYPE_FP32 [-1,3]",
                new OnnxTensorInfo("IMAGE", Optional.of(DataType.FP32), Optional.of(Dims.of(-1, 3)), "rows")
                        .toString());
        assertEquals("N TYPE_INVALID of any shape",
                new OnnxTensorInfo("N", Optional.empty(), Optional.empty(), "").toString());
    }
}
