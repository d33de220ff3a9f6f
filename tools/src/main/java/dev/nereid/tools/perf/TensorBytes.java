package dev.nereid.tools.perf;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.json.JsonValue;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Collects the elements of a tensor in the protocol's binary form: little-endian, strings behind their length. */
final class TensorBytes {
    private static final int MAX_BYTES = Integer.MAX_VALUE - 64;

    private final DataType dataType;
    private byte[] bytes = new byte[256];
    private int size;
    private long count;

    TensorBytes(DataType dataType) {
        this.dataType = dataType;
    }

    /** Adds the elements of a JSON value: one element, or an array of elements nested as one likes. */
    void addAll(JsonValue value) {
        if (value.isArray()) {
            value.elements().forEach(this::addAll);
            return;
        }
        try {
            add(value);
        } catch (InferenceException e) {
            throw new PerfException(
                    "element " + count + " is not of datatype " + dataType + ": " + e.getMessage(), e);
        }
    }

    private void add(JsonValue value) {
        switch (dataType) {
            case BOOL -> add(value.isBoolean() ? (value.asBoolean() ? 1 : 0) : inRange(value.asLong(), 0, 1));
            case UINT8 -> add(inRange(value.asLong(), 0, 0xFF));
            case UINT16 -> add(inRange(value.asLong(), 0, 0xFFFF));
            case UINT32 -> add(inRange(value.asLong(), 0, 0xFFFF_FFFFL));
            case UINT64 -> add(value.asUnsigned());
            case INT8 -> add(inRange(value.asLong(), Byte.MIN_VALUE, Byte.MAX_VALUE));
            case INT16 -> add(inRange(value.asLong(), Short.MIN_VALUE, Short.MAX_VALUE));
            case INT32 -> add(inRange(value.asLong(), Integer.MIN_VALUE, Integer.MAX_VALUE));
            case INT64 -> add(value.asLong());
            case FP16, BF16, FP32, FP64 -> add(value.asDouble());
            case BYTES -> add(value.asString());
        }
    }

    private static long inRange(long value, long min, long max) {
        if (value < min || value > max) {
            throw InferenceException.invalid(value + " is not in the range from " + min + " to " + max);
        }
        return value;
    }

    /** Adds an integer or truth value. */
    void add(long value) {
        append(value, dataType.byteSize());
        count++;
    }

    /** Adds a number to a tensor of floating-point numbers. */
    void add(double value) {
        append(switch (dataType) {
            case FP64 -> Double.doubleToRawLongBits(value);
            case FP32 -> Float.floatToRawIntBits((float) value);
            case FP16 -> Float.floatToFloat16((float) value);
            case BF16 -> Float.floatToRawIntBits((float) value) >>> 16;
            default -> throw new IllegalStateException(dataType + " is no floating-point number");
        }, dataType.byteSize());
        count++;
    }

    /** Adds a string. */
    void add(String value) {
        addBytes(value.getBytes(StandardCharsets.UTF_8));
    }

    /** Adds a string that need not be text. */
    void addBytes(byte[] text) {
        append(text.length, Integer.BYTES);
        appendBytes(text);
        count++;
    }

    private void append(long value, int byteCount) {
        reserve(byteCount);
        for (int i = 0; i < byteCount; i++) {
            bytes[size++] = (byte) (value >>> (8 * i));
        }
    }

    private void appendBytes(byte[] more) {
        reserve(more.length);
        System.arraycopy(more, 0, bytes, size, more.length);
        size += more.length;
    }

    private void reserve(int more) {
        long needed = (long) size + more;
        if (needed > MAX_BYTES) {
            throw new PerfException("a tensor of more than " + MAX_BYTES + " bytes can't be sent");
        }
        if (needed > bytes.length) {
            bytes = Arrays.copyOf(bytes, (int) Math.min(MAX_BYTES, Math.max(needed, 2L * bytes.length)));
        }
    }

    /** Returns the number of elements. */
    long count() {
        return count;
    }

    /** Returns a copy of the bytes. */
    byte[] toByteArray() {
        return Arrays.copyOf(bytes, size);
    }
}
