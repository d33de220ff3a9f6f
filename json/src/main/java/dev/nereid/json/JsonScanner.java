package dev.nereid.json;

import dev.nereid.backend.api.InferenceException;

/**
 * Moves over the tokens of a JSON text and checks them, with the texts and byte offsets that clients of the reference
 * know. Like the reference it takes a zero byte for the end of the text, accepts {@code NaN} and {@code Infinity}, and
 * does not look whether strings are UTF-8. It moves the window when it comes to its end. Reusable, for one thread.
 */
final class JsonScanner {
    static final String INVALID_VALUE = "Invalid value.";
    private static final String MISSING_QUOTE = "Missing a closing quotation mark in string.";
    static final String MISSING_NAME = "Missing a name for object member.";
    static final String MISSING_COLON = "Missing a colon after a name of object member.";
    static final String MISSING_COMMA_IN_OBJECT = "Missing a comma or '}' after an object member.";
    static final String MISSING_COMMA_IN_ARRAY = "Missing a comma or ']' after an array element.";

    /** Numbers without exponent that are shorter than this cannot be too large for a double. */
    private static final int SAFE_LENGTH = 300;
    private static final int LARGEST_EXPONENT = 308;

    private static final byte[] NONE = {};

    private final TextWindow window;
    private final NumberReader numbers = new NumberReader();
    /** The offset of the text's first byte. */
    private int start;
    /** The length of the longest number so far, or what all numbers may have. */
    private int longest;
    /** Longer numbers are looked at again. */
    private int unremarkable;
    private boolean isEscaped;

    // What the window shows, and the index in it.
    private byte[] text = NONE;
    private int limit;
    private int safe;
    private int position;

    JsonScanner(TextWindow window) {
        this.window = window;
    }

    /** Starts at that offset of the text that the window shows. */
    void begin(int offset) {
        start = offset;
        longest = TextWindow.MIN_LENGTH - 2;
        unremarkable = longest;
        moveTo(offset);
        skipByteOrderMark();
    }

    /** Returns the offset in the text. */
    int position() {
        return window.offsetOf(position);
    }

    void forget() {
        text = NONE;
    }

    void moveTo(int offset) {
        shown(window.indexOf(offset));
    }

    /** Returns the length of the longest number. */
    int longestNumber() {
        return longest;
    }

    private void shown(int index) {
        text = window.bytes();
        limit = window.limit();
        safe = window.safe();
        position = index;
    }

    /** Lets the window begin at that index, unless it shows the end of the text, and returns the new index. */
    private int move(int index) {
        if (safe == limit) {
            return index;
        }
        shown(window.move(window.offsetOf(index)));
        return position;
    }

    /** Returns whether there may be more of what ends at that index. */
    private boolean isCut(int index) {
        return index == limit && safe < limit;
    }

    void step() {
        position++;
    }

    /** Returns the byte at the position, 0 at the end. */
    byte peek() {
        return position < limit ? text[position] : 0;
    }

    byte peekBehindSpace() {
        int at = position;
        while (at < limit && TextWindow.isSpace(text[at])) {
            at++;
        }
        position = at;
        return at < safe ? text[at] : peekBehindSpaceAtEnd();
    }

    /** The position is where the window, or the text, ends. */
    private byte peekBehindSpaceAtEnd() {
        while (safe < limit && position >= safe) {
            int at = move(position);
            while (at < limit && TextWindow.isSpace(text[at])) {
                at++;
            }
            position = at;
            if (at == 0) {
                break;
            }
        }
        return peek();
    }

    /** Returns whether the string that was scanned last holds an escape. */
    boolean isEscaped() {
        return isEscaped;
    }

    /** Moves over a string; the position is on its opening quote. */
    void string() {
        int at = position + 1;
        boolean hasEscape = false;
        do {
            while (at < limit) {
                byte next = text[at];
                if (next == '"') {
                    position = at + 1;
                    isEscaped = hasEscape;
                    return;
                }
                if (next == '\\') {
                    hasEscape = true;
                    at = escape(at < safe ? at : move(at));
                } else if (next >= 0 && next < ' ') {
                    throw failureAt(next == 0 ? MISSING_QUOTE : "Invalid encoding in string.", at);
                } else {
                    at++;
                }
            }
            at = move(at);
        } while (at < limit);
        throw failureAt(MISSING_QUOTE, at);
    }

    /** Moves over anything that is no string, array or object. */
    void scalar(byte first) {
        switch (first) {
            case 't' -> literal("true");
            case 'f' -> literal("false");
            case 'n' -> literal("null");
            default -> number();
        }
    }

    /** Moves over a number; the position is on its first byte. */
    void number() {
        int first = position;
        int at = first;
        if (at < limit && text[at] == '-') {
            at++;
        }
        int lead = at < limit ? text[at] : 0;
        if (lead == '0') {
            at++;
        } else if (lead >= '1' && lead <= '9') {
            at = digits(at + 1);
        } else {
            position = nonFinite(at);
            return;
        }
        boolean isSafe = true;
        if (at < limit && text[at] == '.') {
            int firstOfFraction = at + 1;
            at = digits(firstOfFraction);
            if (at == firstOfFraction && !isCut(at)) {
                throw failureAt("Miss fraction part in number.", at);
            }
        }
        if (at < limit && (text[at] | 0x20) == 'e') {
            isSafe = false;
            at++;
            if (at < limit && (text[at] == '+' || text[at] == '-')) {
                at++;
            }
            int firstOfExponent = at;
            at = digits(at);
            if (at == firstOfExponent && !isCut(at)) {
                throw failureAt("Miss exponent in number.", at);
            }
        }
        position = at;
        if (!isSafe || at - first > unremarkable || isCut(at)) {
            unusual(first, at, isSafe);
        }
    }

    /** Looks again at a number that has an exponent, is long, or ends where the window does. */
    private void unusual(int first, int end, boolean isSafe) {
        if (isCut(end)) {
            shown(window.showMore(window.offsetOf(first)));
            number();
            return;
        }
        int length = end - first;
        longest = Math.max(longest, length);
        unremarkable = Math.min(longest, SAFE_LENGTH);
        if (!isSafe || length > SAFE_LENGTH) {
            checkRange(first);
        }
    }

    private int digits(int from) {
        int at = from;
        while (at < limit && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        return at;
    }

    private void checkRange(int first) {
        if (Double.isInfinite(numbers.readDouble(text, first, limit)) || hasTooLargeExponent(first)) {
            throw failureAt("Number too big to be stored in double.", first);
        }
    }

    /** The reference refuses large exponents before it looks at the digits: {@code 0e400} is too big. */
    private boolean hasTooLargeExponent(int first) {
        int at = first;
        int significant = 0;
        int fraction = 0;
        boolean isFraction = false;
        boolean hasValue = false;
        int firstDigit = text[first] == '-' ? first + 1 : first;
        for (; at < position && (text[at] | 0x20) != 'e'; at++) {
            if (text[at] == '.') {
                isFraction = true;
            } else if (at >= firstDigit) {
                hasValue |= text[at] != '0';
                if (isFraction && significant < 17) {
                    fraction++;
                }
                if (hasValue && at > firstDigit && significant < 17) {
                    significant++;
                }
            }
        }
        if (at == position || text[at + 1] == '-') {
            return false;
        }
        int exponent = 0;
        for (at++; at < position; at++) {
            if (text[at] != '+') {
                exponent = exponent * 10 + (text[at] - '0');
                if (exponent > LARGEST_EXPONENT + fraction) {
                    return true;
                }
            }
        }
        return false;
    }

    private int nonFinite(int from) {
        int at = from;
        byte lead = at < limit ? text[at] : 0;
        if (lead == 'N') {
            return require("aN", at + 1);
        }
        if (lead == 'I') {
            at = require("nf", at + 1);
            return at < limit && text[at] == 'i' ? require("inity", at) : at;
        }
        throw failureAt(INVALID_VALUE, at);
    }

    private void literal(String word) {
        position = require(word, position);
    }

    private int require(String rest, int from) {
        for (int i = 0; i < rest.length(); i++) {
            if (from + i >= limit || text[from + i] != rest.charAt(i)) {
                throw failureAt(INVALID_VALUE, from + i);
            }
        }
        return from + rest.length();
    }

    /** Returns the offset behind the escape at that offset; errors name the offset of its backslash. */
    private int escape(int backslash) {
        int at = backslash + 1;
        byte kind = at < limit ? text[at] : 0;
        return switch (kind) {
            case '"', '\\', '/', 'b', 'f', 'n', 'r', 't' -> at + 1;
            case 'u' -> unicodeEscape(backslash);
            default -> throw failureAt("Invalid escape character in string.", backslash);
        };
    }

    private int unicodeEscape(int backslash) {
        int unit = hexUnit(backslash + 2, backslash);
        int at = backslash + 6;
        if (!Character.isSurrogate((char) unit)) {
            return at;
        }
        if (Character.isLowSurrogate((char) unit) || at + 1 >= limit || text[at] != '\\' || text[at + 1] != 'u'
                || !Character.isLowSurrogate((char) hexUnit(at + 2, backslash))) {
            throw failureAt("The surrogate pair in string is invalid.", backslash);
        }
        return at + 6;
    }

    private int hexUnit(int from, int backslash) {
        int unit = 0;
        for (int i = from; i < from + 4; i++) {
            int digit = i < limit ? Character.digit(text[i], 16) : -1;
            if (digit < 0) {
                throw failureAt("Incorrect hex digit after \\u escape in string.", backslash);
            }
            unit = (unit << 4) | digit;
        }
        return unit;
    }

    private void skipByteOrderMark() {
        for (int mark : new int[]{0xEF, 0xBB, 0xBF}) {
            if (position < limit && (text[position] & 0xFF) == mark) {
                position++;
            }
        }
    }

    private InferenceException failureAt(String reason, int index) {
        return failure(reason, window.offsetOf(index));
    }

    InferenceException failure(String reason, int offset) {
        return InferenceException
                .invalid("failed to parse the request JSON buffer: " + reason + " at " + (offset - start));
    }
}
