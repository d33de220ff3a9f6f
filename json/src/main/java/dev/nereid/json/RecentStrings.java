package dev.nereid.json;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.jspecify.annotations.Nullable;

/**
 * Makes strings out of bytes. Short ones that were made before are found again: requests of one client name the same
 * tensors and datatypes each time. Holds a fixed number of them. For one thread.
 */
final class RecentStrings {
    private static final int SLOTS = 64;
    private static final int MAX_LENGTH = 32;

    private final @Nullable String[] recent = new String[SLOTS];

    /** Returns the text; bytes that are no UTF-8 become replacement characters. */
    String get(byte[] text, int first, int length) {
        if (length > MAX_LENGTH) {
            return new String(text, first, length, UTF_8);
        }
        int hash = length;
        for (int i = first; i < first + length; i++) {
            hash = 31 * hash + text[i];
        }
        int slot = (hash ^ (hash >>> 8)) & (SLOTS - 1);
        String known = recent[slot];
        if (known != null && isAscii(known, text, first, length)) {
            return known;
        }
        String made = new String(text, first, length, UTF_8);
        recent[slot] = made;
        return made;
    }

    /** Returns whether these bytes, all of them ASCII, are that text. */
    private static boolean isAscii(String known, byte[] text, int first, int length) {
        if (known.length() != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            // A negative byte equals no character.
            if (known.charAt(i) != text[first + i]) {
                return false;
            }
        }
        return true;
    }
}
