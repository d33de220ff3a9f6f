package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.tensor.DataType;
import java.util.Optional;

/** Element types as ONNX Runtime numbers them. */
final class OnnxTypes {
    private OnnxTypes() {
    }

    static int code(DataType type) {
        return switch (type) {
            case FP32 -> 1;
            case UINT8 -> 2;
            case INT8 -> 3;
            case UINT16 -> 4;
            case INT16 -> 5;
            case INT32 -> 6;
            case INT64 -> 7;
            case BYTES -> 8;
            case BOOL -> 9;
            case FP16 -> 10;
            case FP64 -> 11;
            case UINT32 -> 12;
            case UINT64 -> 13;
            case BF16 -> 16;
        };
    }

    /** Returns the datatype of that number; complex numbers, and those of 8 bits and below, have none. */
    static Optional<DataType> dataType(int code) {
        for (DataType type : DataType.values()) {
            if (code(type) == code) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }
}
