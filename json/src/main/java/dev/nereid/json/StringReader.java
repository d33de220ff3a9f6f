package dev.nereid.json;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Reads strings out of JSON text that is known to be well formed, what the window shows of them at a time, however long
 * they are. After each call {@link #end} is the index behind the string. Reusable, for one thread.
 */
public final class StringReader {
    /** With so many bytes between them, escapes are decoded together. */
    private static final int NEAR = 32;

    /** Some decoded bytes. */
    private final byte[] decoded = new byte[512];
    private int end;

    /** Returns the index behind the string that was read last. */
    public int end() {
        return end;
    }

    /**
     * Returns the number of bytes of a string once decoded.
     *
     * @param quote the index of the opening quote
     */
    public long length(TextWindow window, int quote) {
        return read(window, quote, null, 0);
    }

    /**
     * Decodes a string into memory and returns its number of bytes.
     *
     * @param quote the index of the opening quote
     * @param offset where in {@code target} the first byte belongs
     */
    public long copy(TextWindow window, int quote, MemorySegment target, long offset) {
        return read(window, quote, target, offset);
    }

    private long read(TextWindow window, int quote, @Nullable MemorySegment target, long offset) {
        long size = 0;
        int at = quote + 1;
        while (true) {
            byte[] bytes = window.bytes();
            int limit = window.limit();
            int first = at;
            while (at < limit && bytes[at] != '"' && bytes[at] != '\\') {
                at++;
            }
            int length = at - first;
            if (target != null && length > 0) {
                MemorySegment.copy(bytes, first, target, ValueLayout.JAVA_BYTE, offset + size, length);
            }
            size += length;
            if (at == limit) {
                at = window.move(window.offsetOf(at));
            } else if (bytes[at] == '"') {
                end = at + 1;
                return size;
            } else {
                size += escapes(window, at, target, offset + size);
                at = end;
            }
        }
    }

    /** Decodes escapes and what is between them, up to where the next is far, and returns the number of bytes. */
    private int escapes(TextWindow window, int backslash, @Nullable MemorySegment target, long offset) {
        int at = backslash < window.safe() ? backslash : window.move(window.offsetOf(backslash));
        byte[] bytes = window.bytes();
        int last = Math.min(at + NEAR, window.safe());
        int size = 0;
        do {
            if (bytes[at] == '\\') {
                size = escape(bytes, at + 1, size);
                at = end;
                last = Math.min(at + NEAR, window.safe());
            } else {
                decoded[size++] = bytes[at++];
            }
        } while (at < last && size < decoded.length - 4 && bytes[at] != '"');
        if (target != null) {
            MemorySegment.copy(decoded, 0, target, ValueLayout.JAVA_BYTE, offset, size);
        }
        end = at;
        return size;
    }

    /** Decodes the escape behind a backslash, and returns the number of bytes that are decoded now. */
    private int escape(byte[] bytes, int kind, int size) {
        if (bytes[kind] != 'u') {
            end = kind + 1;
            decoded[size] = simpleEscape(bytes[kind]);
            return size + 1;
        }
        int codePoint = unit(bytes, kind + 1);
        end = kind + 5;
        if (Character.isHighSurrogate((char) codePoint)) {
            codePoint = Character.toCodePoint((char) codePoint, (char) unit(bytes, kind + 7));
            end = kind + 11;
        }
        return encode(codePoint, size);
    }

    private static byte simpleEscape(byte kind) {
        return switch (kind) {
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            default -> kind;
        };
    }

    private static int unit(byte[] bytes, int first) {
        int unit = 0;
        for (int i = first; i < first + 4; i++) {
            unit = (unit << 4) | Character.digit(bytes[i], 16);
        }
        return unit;
    }

    private int encode(int codePoint, int at) {
        if (codePoint < 0x80) {
            decoded[at] = (byte) codePoint;
            return at + 1;
        }
        int length = codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
        for (int i = length - 1, rest = codePoint; i > 0; i--, rest >>= 6) {
            decoded[at + i] = (byte) (0x80 | (rest & 0x3F));
        }
        // As many leading ones as there are bytes.
        decoded[at] = (byte) ((0xF0 << (4 - length)) | (codePoint >> (6 * (length - 1))));
        return at + length;
    }
}
