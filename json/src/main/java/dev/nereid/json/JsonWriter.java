package dev.nereid.json;

import dev.nereid.backend.api.Parameter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * Writes compact JSON into memory that grows: no blanks, UTF-8 passed through, {@code /} not escaped, numbers in the
 * shortest form that reads back, non-finite numbers as bare words. Commas and colons come by themselves. Reusable after
 * {@link #reset}; for one thread.
 */
public final class JsonWriter {
    private static final int RETAINED_BYTES = 1 << 20;
    private static final byte[] HEX = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};
    private static final byte[] TRUE = {'t', 'r', 'u', 'e'};
    private static final byte[] FALSE = {'f', 'a', 'l', 's', 'e'};
    private static final byte[] NULL = {'n', 'u', 'l', 'l'};
    private static final byte[] ESCAPES = new byte[0x80];

    static {
        Arrays.fill(ESCAPES, 0, ' ', (byte) 'u');
        ESCAPES['"'] = '"';
        ESCAPES['\\'] = '\\';
        ESCAPES['\b'] = 'b';
        ESCAPES['\f'] = 'f';
        ESCAPES['\n'] = 'n';
        ESCAPES['\r'] = 'r';
        ESCAPES['\t'] = 't';
    }

    /** Takes over a part of what was written. */
    public interface Overflow {
        /** Gets the next part of the text, in the first so many bytes of memory that is used again afterwards. */
        void take(byte[] bytes, int length);
    }

    private final LongConsumer growth;
    private final int window;
    private final Overflow overflow;
    private final NumberWriter numbers = new NumberWriter();
    private byte[] buffer = new byte[1024];
    private int size;
    private int passedOn;
    private boolean needsComma;

    /** Creates a writer. */
    public JsonWriter() {
        this(_ -> {
        });
    }

    /**
     * Creates a writer that asks before its memory grows.
     *
     * @param growth gets the number of bytes that are to be taken from the heap; may throw
     */
    public JsonWriter(LongConsumer growth) {
        this(growth, Integer.MAX_VALUE, (_, _) -> {
            throw new IllegalStateException("memory without a bound overflows");
        });
    }

    /**
     * Creates a writer that passes its text on in parts.
     *
     * @param growth gets the number of bytes that are to be taken from the heap; may throw
     * @param window to how many bytes its memory grows; to more only for a single string that is longer
     * @param overflow gets what no longer fits; may throw
     */
    public JsonWriter(LongConsumer growth, int window, Overflow overflow) {
        this.growth = growth;
        this.window = window;
        this.overflow = overflow;
    }

    /** Forgets what was written. */
    public JsonWriter reset() {
        size = 0;
        passedOn = 0;
        needsComma = false;
        int retained = Math.min(RETAINED_BYTES, window);
        if (buffer.length > retained) {
            buffer = new byte[retained];
        }
        return this;
    }

    /** Returns the number of bytes written, those included that were passed on. */
    public int size() {
        return passedOn + size;
    }

    /** Returns the memory written to; the text, or its {@link #rest}, is its first bytes, until the next call. */
    public byte[] buffer() {
        return buffer;
    }

    /** Returns the number of bytes that were written and not passed on. */
    public int rest() {
        return size;
    }

    /** Returns a copy of what was written and not passed on. */
    public byte[] toByteArray() {
        return Arrays.copyOf(buffer, size);
    }

    /** Opens an object. */
    public JsonWriter beginObject() {
        return open('{');
    }

    /** Closes an object. */
    public JsonWriter endObject() {
        return close('}');
    }

    /** Opens an array. */
    public JsonWriter beginArray() {
        return open('[');
    }

    /** Closes an array. */
    public JsonWriter endArray() {
        return close(']');
    }

    /** Writes the name of a member; its value must follow. */
    public JsonWriter name(String name) {
        string(name);
        reserve(1);
        buffer[size++] = ':';
        needsComma = false;
        return this;
    }

    /** Writes a string. */
    public JsonWriter string(String value) {
        beforeValue(2L + 6L * value.length());
        buffer[size++] = '"';
        for (int i = 0; i < value.length(); i++) {
            char next = value.charAt(i);
            if (next < 0x80) {
                character((byte) next);
            } else {
                i = nonAscii(value, i);
            }
        }
        buffer[size++] = '"';
        return this;
    }

    /** Writes the bytes of a string as they are, escaped where JSON needs it. */
    public JsonWriter string(MemorySegment bytes, long offset, long length) {
        beforeValue(2 + length);
        buffer[size++] = '"';
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, offset, buffer, size, (int) length);
        int plain = 0;
        while (plain < length && (buffer[size + plain] < 0 || ESCAPES[buffer[size + plain]] == 0)) {
            plain++;
        }
        size += plain;
        for (long i = plain; i < length; i++) {
            // The longest escape for this byte, the rest of the string, and the quote.
            reserve(length - i + 7);
            character(bytes.get(ValueLayout.JAVA_BYTE, offset + i));
        }
        buffer[size++] = '"';
        return this;
    }

    /** Writes bytes as they are; for what follows the JSON. */
    public JsonWriter append(MemorySegment bytes) {
        reserve(bytes.byteSize());
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 0, buffer, size, (int) bytes.byteSize());
        size += (int) bytes.byteSize();
        return this;
    }

    /** Writes a signed integer. */
    public JsonWriter integer(long value) {
        beforeValue(NumberWriter.MAX_LENGTH);
        size = numbers.writeSigned(value, buffer, size);
        return this;
    }

    /** Writes an unsigned integer. */
    public JsonWriter unsigned(long value) {
        beforeValue(NumberWriter.MAX_LENGTH);
        size = numbers.writeUnsigned(value, buffer, size);
        return this;
    }

    /** Writes a number, always with a fraction or an exponent. */
    public JsonWriter number(double value) {
        beforeValue(NumberWriter.MAX_LENGTH);
        size = numbers.write(value, buffer, size);
        return this;
    }

    /** Writes a truth value. */
    public JsonWriter bool(boolean value) {
        return word(value ? TRUE : FALSE);
    }

    /** Writes null. */
    public JsonWriter nullValue() {
        return word(NULL);
    }

    /** Writes the value of a parameter. */
    public JsonWriter parameter(Parameter value) {
        return switch (value) {
            case Parameter.Text text -> string(text.value());
            case Parameter.Int integer -> integer(integer.value());
            case Parameter.Bool bool -> bool(bool.value());
            case Parameter.Real real -> number(real.value());
        };
    }

    /** Writes the object that every error answer is. */
    public JsonWriter error(String message) {
        return beginObject().name("error").string(message).endObject();
    }

    private JsonWriter open(char bracket) {
        beforeValue(1);
        buffer[size++] = (byte) bracket;
        needsComma = false;
        return this;
    }

    private JsonWriter close(char bracket) {
        reserve(1);
        buffer[size++] = (byte) bracket;
        needsComma = true;
        return this;
    }

    private JsonWriter word(byte[] word) {
        beforeValue(word.length);
        System.arraycopy(word, 0, buffer, size, word.length);
        size += word.length;
        return this;
    }

    private void beforeValue(long length) {
        reserve(length + 1);
        if (needsComma) {
            buffer[size++] = ',';
        }
        needsComma = true;
    }

    /** Writes one byte of a string; there must be room for an escape, where it needs one. */
    private void character(byte next) {
        if (next < 0 || ESCAPES[next] == 0) {
            buffer[size++] = next;
            return;
        }
        byte escape = ESCAPES[next];
        buffer[size++] = '\\';
        buffer[size++] = escape;
        if (escape == 'u') {
            buffer[size++] = '0';
            buffer[size++] = '0';
            buffer[size++] = HEX[next >> 4];
            buffer[size++] = HEX[next & 0xF];
        }
    }

    /** Writes one code point and returns the index of its last character; half a surrogate pair becomes '?'. */
    private int nonAscii(String value, int index) {
        int codePoint = value.codePointAt(index);
        if (codePoint < 0x800) {
            buffer[size++] = (byte) (0xC0 | (codePoint >> 6));
        } else if (codePoint < 0x10000) {
            if (Character.isSurrogate((char) codePoint)) {
                buffer[size++] = '?';
                return index;
            }
            buffer[size++] = (byte) (0xE0 | (codePoint >> 12));
            buffer[size++] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
        } else {
            buffer[size++] = (byte) (0xF0 | (codePoint >> 18));
            buffer[size++] = (byte) (0x80 | ((codePoint >> 12) & 0x3F));
            buffer[size++] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
        }
        buffer[size++] = (byte) (0x80 | (codePoint & 0x3F));
        return index + Character.charCount(codePoint) - 1;
    }

    private void reserve(long length) {
        if (size + length > buffer.length) {
            makeRoom(length);
        }
    }

    private void makeRoom(long length) {
        if (size > 0 && size + length > window) {
            overflow.take(buffer, size);
            passedOn += size;
            size = 0;
        }
        long needed = size + length;
        if (needed <= buffer.length) {
            return;
        }
        if (passedOn + needed > Integer.MAX_VALUE - 8) {
            throw new OutOfMemoryError("JSON answer of more than 2 GiB");
        }
        int most = needed <= window ? Math.min(window, Integer.MAX_VALUE - 8) : Integer.MAX_VALUE - 8;
        int larger = (int) Math.min(most, Math.max(needed, 2L * buffer.length));
        growth.accept(larger);
        buffer = Arrays.copyOf(buffer, larger);
    }
}
