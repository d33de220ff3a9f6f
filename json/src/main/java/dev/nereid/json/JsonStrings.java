package dev.nereid.json;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.foreign.MemorySegment;
import java.util.function.LongConsumer;

/** The strings of a document, by their entries on the tape. For one thread. */
final class JsonStrings {
    private final TextWindow window;
    private final LongConsumer growth;
    private final RecentStrings recent = new RecentStrings();
    private final StringReader reader = new StringReader();
    private byte[] scratch = new byte[64];

    JsonStrings(TextWindow window, LongConsumer growth) {
        this.window = window;
        this.growth = growth;
    }

    /** Returns whether the string is that text. */
    boolean isString(long string, String expected) {
        int length = JsonDocument.extra(string);
        if (length < expected.length()) {
            return false;
        }
        int first = shown(string, expected.length());
        if (first < 0) {
            return text(string).equals(expected);
        }
        byte[] bytes = window.bytes();
        for (int i = 0; i < expected.length(); i++) {
            char next = expected.charAt(i);
            if (next >= 0x80) {
                return text(string).equals(expected);
            }
            if (bytes[first + i] != next) {
                return false;
            }
        }
        return length == expected.length();
    }

    /** Returns the string as text; bytes that are no UTF-8 become replacement characters. */
    String text(long string) {
        int length = JsonDocument.extra(string);
        int first = shown(string, length);
        if (first >= 0) {
            return recent.get(window.bytes(), first, length);
        }
        byte[] decoded = scratch(length);
        long size = reader.copy(window, window.indexOf(JsonDocument.start(string)), MemorySegment.ofArray(decoded), 0);
        return new String(decoded, 0, (int) size, UTF_8);
    }

    /** Returns the index of the first bytes of a string; -1 where it has to be decoded, or is too long. */
    private int shown(long string, int length) {
        return JsonDocument.tag(string) == JsonDocument.STRING
                ? window.indexOf(JsonDocument.start(string) + 1, length)
                : -1;
    }

    private byte[] scratch(int length) {
        if (scratch.length < length) {
            int larger = Math.max(length, 2 * scratch.length);
            growth.accept(larger);
            scratch = new byte[larger];
        }
        return scratch;
    }
}
