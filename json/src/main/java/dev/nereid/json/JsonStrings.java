package dev.nereid.json;

import static java.nio.charset.StandardCharsets.UTF_8;

/** Decodes the strings of a document. */
public final class JsonStrings {
    private JsonStrings() {
    }

    /** Returns the string as text; bytes that are no UTF-8 become replacement characters. */
    static String text(JsonDocument document, long string) {
        int first = JsonDocument.start(string) + 1;
        int length = JsonDocument.extra(string);
        if (JsonDocument.tag(string) == JsonDocument.STRING) {
            return document.strings().get(document.text(), first, length);
        }
        byte[] scratch = document.scratch(length);
        return new String(scratch, 0, decode(document.text(), first, length, scratch), UTF_8);
    }

    /** Returns the number of bytes of the string once decoded. */
    public static int decodedLength(JsonDocument document, long string) {
        int length = JsonDocument.extra(string);
        return JsonDocument.tag(string) == JsonDocument.STRING
                ? length
                : decode(document.text(), JsonDocument.start(string) + 1, length, document.scratch(length));
    }

    /** Decodes escapes into {@code target}, which is never longer than the source, and returns the length. */
    public static int decode(byte[] text, int first, int length, byte[] target) {
        int size = 0;
        int at = first;
        int end = first + length;
        while (at < end) {
            byte next = text[at++];
            if (next != '\\') {
                target[size++] = next;
                continue;
            }
            byte kind = text[at++];
            if (kind != 'u') {
                target[size++] = simpleEscape(kind);
                continue;
            }
            int codePoint = unit(text, at);
            at += 4;
            if (Character.isHighSurrogate((char) codePoint)) {
                codePoint = Character.toCodePoint((char) codePoint, (char) unit(text, at + 2));
                at += 6;
            }
            size = encode(codePoint, target, size);
        }
        return size;
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

    private static int unit(byte[] text, int first) {
        int unit = 0;
        for (int i = first; i < first + 4; i++) {
            unit = (unit << 4) | Character.digit(text[i], 16);
        }
        return unit;
    }

    private static int encode(int codePoint, byte[] target, int at) {
        int size = at;
        if (codePoint < 0x80) {
            target[size++] = (byte) codePoint;
        } else if (codePoint < 0x800) {
            target[size++] = (byte) (0xC0 | (codePoint >> 6));
            target[size++] = (byte) (0x80 | (codePoint & 0x3F));
        } else if (codePoint < 0x10000) {
            target[size++] = (byte) (0xE0 | (codePoint >> 12));
            target[size++] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
            target[size++] = (byte) (0x80 | (codePoint & 0x3F));
        } else {
            target[size++] = (byte) (0xF0 | (codePoint >> 18));
            target[size++] = (byte) (0x80 | ((codePoint >> 12) & 0x3F));
            target[size++] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
            target[size++] = (byte) (0x80 | (codePoint & 0x3F));
        }
        return size;
    }
}
