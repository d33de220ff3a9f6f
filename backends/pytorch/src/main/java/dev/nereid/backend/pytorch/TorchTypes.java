package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.tensor.DataType;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** The datatypes of the protocol and those of libtorch. BYTES has none: it travels as a list of strings. */
final class TorchTypes {
    /** By libtorch's numbers: to find the constant for a number, the bindings would compare all of them. */
    private static final @Nullable DataType[] BY_NUMBER = byNumber();

    private TorchTypes() {
    }

    private static @Nullable DataType[] byNumber() {
        @Nullable
        DataType[] all = new DataType[ScalarType.values().length];
        for (DataType dataType : DataType.values()) {
            if (dataType != DataType.BYTES) {
                all[scalarType(dataType).value] = dataType;
            }
        }
        return all;
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
        return type.value >= 0 && type.value < BY_NUMBER.length ? BY_NUMBER[type.value] : null;
    }
}
