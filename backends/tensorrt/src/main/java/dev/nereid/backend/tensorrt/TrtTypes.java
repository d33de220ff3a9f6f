package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.tensor.DataType;

/** The datatypes that TensorRT and the protocol share. */
final class TrtTypes {
    private TrtTypes() {
    }

    static boolean isKnown(DataType dataType) {
        return switch (dataType) {
            case BOOL, UINT8, INT8, INT32, INT64, FP16, BF16, FP32 -> true;
            case UINT16, UINT32, UINT64, INT16, FP64, BYTES -> false;
        };
    }
}
