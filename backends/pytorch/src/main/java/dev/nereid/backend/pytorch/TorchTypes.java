package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.tensor.DataType;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** The datatypes of the protocol and those of libtorch. BYTES has none: it travels as a list of strings. */
final class TorchTypes {
    private TorchTypes() {
    }

    static ScalarType scalarType(DataType dataType) {
        return switch (dataType) {
            case BOOL -> ScalarType.Bool;
            case UINT8 -> ScalarType.Byte;
            case UINT16 -> ScalarType.UInt16;
            case UINT32 -> ScalarType.UInt32;
            case UINT64 -> ScalarType.UInt64;
            case INT8 -> ScalarType.Char;
            case INT16 -> ScalarType.Short;
            case INT32 -> ScalarType.Int;
            case INT64 -> ScalarType.Long;
            case FP16 -> ScalarType.Half;
            case FP32 -> ScalarType.Float;
            case FP64 -> ScalarType.Double;
            case BF16 -> ScalarType.BFloat16;
            case BYTES -> throw new IllegalArgumentException("BYTES is no tensor in libtorch");
        };
    }

    /** Returns the datatype, or null where the protocol has none for it: complex and quantised numbers. */
    static @Nullable DataType dataType(ScalarType type) {
        return switch (type.intern()) {
            case Bool -> DataType.BOOL;
            case Byte -> DataType.UINT8;
            case UInt16 -> DataType.UINT16;
            case UInt32 -> DataType.UINT32;
            case UInt64 -> DataType.UINT64;
            case Char -> DataType.INT8;
            case Short -> DataType.INT16;
            case Int -> DataType.INT32;
            case Long -> DataType.INT64;
            case Half -> DataType.FP16;
            case Float -> DataType.FP32;
            case Double -> DataType.FP64;
            case BFloat16 -> DataType.BF16;
            default -> null;
        };
    }
}
