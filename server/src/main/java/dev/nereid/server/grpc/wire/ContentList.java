package dev.nereid.server.grpc.wire;

/** The lists of {@code InferTensorContents}, in the order in which they are looked at; the ordinal is the field's number less one. */
public enum ContentList {
    /** {@code bool_contents}: a byte each. */
    BOOL(1),
    /** {@code int_contents}: 32 bits each. */
    INT(Integer.BYTES),
    /** {@code int64_contents}. */
    INT64(Long.BYTES),
    /** {@code uint_contents}: 32 bits each. */
    UINT(Integer.BYTES),
    /** {@code uint64_contents}. */
    UINT64(Long.BYTES),
    /** {@code fp32_contents}. */
    FP32(Float.BYTES),
    /** {@code fp64_contents}. */
    FP64(Double.BYTES),
    /** {@code bytes_contents}: a length of 32 bits each, then the bytes. */
    BYTES(0);

    private final int elementBytes;

    ContentList(int elementBytes) {
        this.elementBytes = elementBytes;
    }

    /** Returns the bytes of an element in {@link TensorContents}; 0 where they vary. */
    public int elementBytes() {
        return elementBytes;
    }

    boolean isFixed() {
        return this == FP32 || this == FP64;
    }
}
