package dev.nereid.server.protocol;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.json.JsonAccess;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.NumberReader;
import dev.nereid.json.StringReader;
import dev.nereid.json.TextWindow;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Reads the values of a JSON tensor, nested in whatever way, into memory: straight from the text, without an object per
 * value, and whatever part of the text is at hand at a time. Reusable, for one thread.
 */
final class TensorDataReader {
    private static final int MAX_DEPTH = 100;
    private static final byte[] NONE = {};
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN);

    private final NumberReader numbers = new NumberReader();
    private final StringReader strings = new StringReader();
    private final float[] block = new float[512];

    // The tensor at hand; set by read and byteSize.
    private JsonDocument document = new JsonDocument();
    private TextWindow window = document.window();
    private byte[] text = NONE;
    private int limit;
    private int safe;
    private DataType dataType = DataType.BOOL;
    private MemorySegment target = MemorySegment.NULL;
    private long expected;
    private long count;
    private long bytes;

    /** Returns how many bytes the elements of a BYTES tensor need. */
    long bytesSize(JsonValue data) {
        begin(data);
        bytes = 0;
        measure(data.entry(), data.index(), 0);
        return bytes;
    }

    /**
     * Reads all elements.
     *
     * @param elements how many elements are expected; for BYTES only the bytes of {@code memory} count
     */
    void read(JsonValue data, DataType type, long elements, MemorySegment memory) {
        begin(data);
        dataType = type;
        target = memory;
        expected = elements;
        count = 0;
        bytes = 0;
        try {
            if (type == DataType.BYTES) {
                copyStrings(data.entry(), data.index());
                return;
            }
            walk(data.entry(), data.index(), 0);
        } catch (InferenceException failure) {
            throw JsonAccess.prefix("Unable to parse 'data'", failure);
        } finally {
            target = MemorySegment.NULL;
            text = NONE;
        }
        if (count != expected) {
            // A mistake of the client, and yet an internal error in the reference: clients know its text.
            throw InferenceException.invalid("Failed to parse 'data' field: shape does not match true shape");
        }
    }

    private void begin(JsonValue data) {
        document = data.document();
        window = document.window();
        // The same array whatever it shows.
        text = window.bytes();
    }

    private static void checkDepth(int depth) {
        if (depth >= MAX_DEPTH) {
            throw InferenceException
                    .invalid("JSON nesting depth exceeds maximum allowed limit (" + MAX_DEPTH + ")");
        }
    }

    private void walk(long entry, int index, int depth) {
        checkDepth(depth);
        switch (JsonDocument.tag(entry)) {
            case JsonDocument.NESTED_ARRAY -> {
                int end = JsonDocument.extra(entry);
                for (int at = index + 1; at < end; at = document.next(at)) {
                    walk(document.entryAt(at), at, depth + 1);
                }
            }
            case JsonDocument.FLAT_ARRAY -> {
                int elements = JsonDocument.extra(entry);
                if (elements > 0) {
                    checkDepth(depth + 1);
                }
                readFlat(JsonDocument.start(entry) + 1, elements);
            }
            default -> readScalar(entry);
        }
    }

    private void readFlat(int first, int elements) {
        if (dataType == DataType.FP32) {
            readFloats(first, elements);
            return;
        }
        int at = indexOf(first);
        for (int i = 0; i < elements; i++) {
            at = skipSpace(readElement(skipSpace(at))) + 1;
        }
    }

    private int indexOf(int offset) {
        return shown(window.indexOf(offset));
    }

    private int skipSpace(int index) {
        int at = index;
        while (TextWindow.isSpace(text[at])) {
            at++;
        }
        return at < safe ? at : shown(window.skipSpace(at));
    }

    private int shown(int index) {
        limit = window.limit();
        safe = window.safe();
        return index;
    }

    /** The one type that is common in long arrays: through a block on the heap, in a loop over local variables. */
    private void readFloats(int first, int elements) {
        float[] values = block;
        int filled = 0;
        byte[] source = text;
        int at = indexOf(first);
        int end = limit;
        int move = safe;
        for (int i = 0; i < elements; i++) {
            while (TextWindow.isSpace(source[at])) {
                at++;
            }
            if (at >= move) {
                at = skipSpace(at);
                end = limit;
                move = safe;
            }
            if (count + filled >= expected) {
                throw overflow();
            }
            if (!isNumber(source[at])) {
                throw wrongType();
            }
            values[filled++] = (float) numbers.readDouble(source, at, end);
            if (filled == values.length) {
                store(filled);
                filled = 0;
            }
            at = numbers.end();
            while (TextWindow.isSpace(source[at])) {
                at++;
            }
            if (at >= move) {
                at = skipSpace(at);
                end = limit;
                move = safe;
            }
            at++;
        }
        store(filled);
    }

    private void store(int filled) {
        MemorySegment.copy(block, 0, target, FLOAT, count * Float.BYTES, filled);
        count += filled;
    }

    private void readScalar(long entry) {
        if (JsonDocument.tag(entry) == JsonDocument.OBJECT) {
            checkCount();
            throw wrongType();
        }
        readElement(indexOf(JsonDocument.start(entry)));
    }

    private void checkCount() {
        if (count >= expected) {
            throw overflow();
        }
    }

    private static InferenceException overflow() {
        return InferenceException.invalid("Shape does not match true shape of 'data' field");
    }

    /** Reads the element at that index and returns the index behind it. */
    private int readElement(int at) {
        checkCount();
        long element = count++;
        switch (dataType) {
            case BOOL -> {
                byte first = text[at];
                if (first != 't' && first != 'f') {
                    throw wrongType();
                }
                target.set(ValueLayout.JAVA_BYTE, element, (byte) (first == 't' ? 1 : 0));
                return at + (first == 't' ? 4 : 5);
            }
            case UINT8, INT8 -> target.set(ValueLayout.JAVA_BYTE, element, (byte) integer(at));
            case UINT16, INT16 -> target.set(SHORT, element << 1, (short) integer(at));
            case UINT32, INT32 -> target.set(INT, element << 2, (int) integer(at));
            case UINT64, INT64 -> target.set(LONG, element << 3, integer(at));
            case FP32 -> target.set(FLOAT, element << 2, (float) number(at));
            case FP64 -> target.set(DOUBLE, element << 3, number(at));
            case FP16, BF16, BYTES -> throw new IllegalStateException("not read as single numbers: " + dataType);
        }
        return numbers.end();
    }

    private long integer(int at) {
        if (!isNumber(text[at])) {
            throw wrongType();
        }
        boolean isRight = switch (numbers.readInteger(text, at, limit)) {
            case NEGATIVE -> isSigned();
            case SMALL -> true;
            case LARGE -> !isSigned();
            case REAL -> false;
        };
        if (!isRight) {
            throw wrongType();
        }
        return numbers.integer();
    }

    private double number(int at) {
        if (!isNumber(text[at])) {
            throw wrongType();
        }
        return numbers.readDouble(text, at, limit);
    }

    private static boolean isNumber(byte first) {
        return (first >= '0' && first <= '9') || first == '-' || first == 'N' || first == 'I';
    }

    private boolean isSigned() {
        return switch (dataType) {
            case INT8, INT16, INT32, INT64 -> true;
            default -> false;
        };
    }

    private InferenceException wrongType() {
        return InferenceException.invalid("attempt to access JSON " + switch (dataType) {
            case BOOL -> "non-boolean as boolean";
            case INT8, INT16, INT32, INT64 -> "non-signed-integer as signed-integer";
            case UINT8, UINT16, UINT32, UINT64 -> "non-unsigned-integer as unsigned-integer";
            default -> "non-number as double";
        });
    }

    private void measure(long entry, int index, int depth) {
        checkDepth(depth);
        switch (JsonDocument.tag(entry)) {
            case JsonDocument.NESTED_ARRAY -> {
                int end = JsonDocument.extra(entry);
                for (int at = index + 1; at < end; at = document.next(at)) {
                    measure(document.entryAt(at), at, depth + 1);
                }
            }
            case JsonDocument.FLAT_ARRAY -> {
                int at = window.indexOf(JsonDocument.start(entry) + 1);
                for (int i = 0; i < JsonDocument.extra(entry); i++) {
                    checkDepth(depth + 1);
                    measureString(window.skipSpace(at));
                    at = window.skipSpace(strings.end()) + 1;
                }
            }
            default -> measureString(window.indexOf(JsonDocument.start(entry)));
        }
    }

    private void measureString(int at) {
        if (text[at] != '"') {
            throw InferenceException
                    .invalid("Unable to parse JSON bytes array: attempt to access JSON non-string as string");
        }
        bytes += Integer.BYTES + strings.length(window, at);
    }

    private void copyStrings(long entry, int index) {
        switch (JsonDocument.tag(entry)) {
            case JsonDocument.NESTED_ARRAY -> {
                int end = JsonDocument.extra(entry);
                for (int at = index + 1; at < end; at = document.next(at)) {
                    copyStrings(document.entryAt(at), at);
                }
            }
            case JsonDocument.FLAT_ARRAY -> {
                int at = window.indexOf(JsonDocument.start(entry) + 1);
                for (int i = 0; i < JsonDocument.extra(entry); i++) {
                    copyString(window.skipSpace(at));
                    at = window.skipSpace(strings.end()) + 1;
                }
            }
            default -> copyString(window.indexOf(JsonDocument.start(entry)));
        }
    }

    private void copyString(int at) {
        long length = strings.copy(window, at, target, bytes + Integer.BYTES);
        target.set(INT, bytes, (int) length);
        bytes += Integer.BYTES + length;
    }
}
