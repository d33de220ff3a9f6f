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
            case "BOOL" -> Optional.of(BOOL);
            case "UINT8" -> Optional.of(UINT8);
            case "UINT16" -> Optional.of(UINT16);
            case "UINT32" -> Optional.of(UINT32);
            case "UINT64" -> Optional.of(UINT64);
            case "INT8" -> Optional.of(INT8);
            case "INT16" -> Optional.of(INT16);
            case "INT32" -> Optional.of(INT32);
            case "INT64" -> Optional.of(INT64);
            case "FP16" -> Optional.of(FP16);
            case "FP32" -> Optional.of(FP32);
            case "FP64" -> Optional.of(FP64);
            case "BYTES" -> Optional.of(BYTES);
            case "BF16" -> Optional.of(BF16);
            default -> Optional.empty();
        };
    }
}
