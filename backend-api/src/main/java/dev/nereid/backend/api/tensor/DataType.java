package dev.nereid.backend.api.tensor;

import java.util.Optional;

/** The 14 datatypes of the protocol. Multi-byte values are little-endian. */
public enum DataType {
    /** One byte, 0 or 1. */
    BOOL(1),
    /** Unsigned 8-bit integer. */
    UINT8(1),
    /** Unsigned 16-bit integer. */
    UINT16(2),
    /** Unsigned 32-bit integer. */
    UINT32(4),
    /** Unsigned 64-bit integer. */
    UINT64(8),
    /** Signed 8-bit integer. */
    INT8(1),
    /** Signed 16-bit integer. */
    INT16(2),
    /** Signed 32-bit integer. */
    INT32(4),
    /** Signed 64-bit integer. */
    INT64(8),
    /** IEEE 754 half precision. */
    FP16(2),
    /** IEEE 754 single precision. */
    FP32(4),
    /** IEEE 754 double precision. */
    FP64(8),
    /** Byte strings: for each element a 4-byte little-endian length, then that many bytes. */
    BYTES(0),
    /** The upper 16 bits of a single-precision number. */
    BF16(2);

    private final int byteSize;
    private final Optional<DataType> present = Optional.of(this);

    DataType(int byteSize) {
        this.byteSize = byteSize;
    }

    /** Returns the bytes of one element; 0 for {@link #BYTES}, whose elements vary. */
    public int byteSize() {
        return byteSize;
    }

    /** Returns whether all elements have the same number of bytes. */
    public boolean isFixedSize() {
        return byteSize > 0;
    }

    /** Returns the name that model configurations use: {@code TYPE_FP32}; {@code TYPE_STRING} for BYTES. */
    public String configName() {
        return this == BYTES ? "TYPE_STRING" : "TYPE_" + name();
    }

    /** Returns the datatype of that protocol name, case-sensitive. */
    public static Optional<DataType> parse(String name) {
        return switch (name) {
            case "BOOL" -> BOOL.present;
            case "UINT8" -> UINT8.present;
            case "UINT16" -> UINT16.present;
            case "UINT32" -> UINT32.present;
            case "UINT64" -> UINT64.present;
            case "INT8" -> INT8.present;
            case "INT16" -> INT16.present;
            case "INT32" -> INT32.present;
            case "INT64" -> INT64.present;
            case "FP16" -> FP16.present;
            case "FP32" -> FP32.present;
            case "FP64" -> FP64.present;
            case "BYTES" -> BYTES.present;
            case "BF16" -> BF16.present;
            default -> Optional.empty();
        };
    }
}
