package dev.nereid.json;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

/**
 * Reads numbers out of JSON text that is known to be well formed. After each call {@link #end} is the offset behind the
 * number. Reusable, for one thread.
 */
public final class NumberReader {
    /** What kind of number a text is. */
    public enum Kind {
        /** An integer below zero that fits 64 signed bits. */
        NEGATIVE,
        /** An integer that fits 64 bits, signed or not. */
        SMALL,
        /** An integer that fits 64 unsigned bits only. */
        LARGE,
        /** Any other number. */
        REAL
    }

    private static final double[] EXACT_POWERS = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
        1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    private static final int MAX_DIGITS = 19;
    private static final int MAX_EXPONENT = 1_000_000;

    private int end;
    private long integer;

    /** Returns the offset behind the number that was read last. */
    public int end() {
        return end;
    }

    /** Returns the integer that {@link #readInteger} found; undefined for {@link Kind#REAL}. */
    public long integer() {
        return integer;
    }

    /** Reads the integer at that offset. */
    public Kind readInteger(byte[] text, int offset, int limit) {
        int at = offset;
        boolean isNegative = text[at] == '-';
        if (isNegative) {
            at++;
        }
        int first = at;
        long value = 0;
        int digit;
        while (at < limit && (digit = text[at] - '0') >= 0 && digit <= 9) {
            value = value * 10 + digit;
            at++;
        }
        int digits = at - first;
        if (digits == 0 || (at < limit && isRealMark(text[at]))) {
            end = at;
            return Kind.REAL;
        }
        end = at;
        if (digits > MAX_DIGITS && !fitsTwentyDigits(text, first, digits, value)) {
            return Kind.REAL;
        }
        if (isNegative) {
            integer = -value;
            // 2^63 is its own negative, and the one magnitude with the sign bit set that is allowed.
            if (value < 0 && value != Long.MIN_VALUE) {
                return Kind.REAL;
            }
            return value == 0 ? Kind.SMALL : Kind.NEGATIVE;
        }
        integer = value;
        return value >= 0 ? Kind.SMALL : Kind.LARGE;
    }

    private static boolean isRealMark(byte next) {
        return next == '.' || next == 'e' || next == 'E';
    }

    /** Twenty digits that start with 1 fit if the value did not wrap to something smaller than its first digit says. */
    private static boolean fitsTwentyDigits(byte[] text, int first, int digits, long value) {
        return digits == MAX_DIGITS + 1 && text[first] == '1'
                && Long.compareUnsigned(value, 0x8AC7230489E80000L) >= 0;
    }

    /** Reads the number at that offset, rounded to the nearest double. */
    public double readDouble(byte[] text, int offset, int limit) {
        int at = offset;
        boolean isNegative = text[at] == '-';
        if (isNegative) {
            at++;
        }
        int first = at;
        long significand = 0;
        int digit;
        while (at < limit && (digit = text[at] - '0') >= 0 && digit <= 9) {
            significand = significand * 10 + digit;
            at++;
        }
        int digits = at - first;
        if (digits == 0) {
            return readNonFinite(text, at, limit, isNegative);
        }
        int exponent = 0;
        if (at < limit && text[at] == '.') {
            at++;
            int firstOfFraction = at;
            while (at < limit && (digit = text[at] - '0') >= 0 && digit <= 9) {
                significand = significand * 10 + digit;
                at++;
            }
            exponent = firstOfFraction - at;
            digits -= exponent;
        }
        int endOfDigits = at;
        if (at < limit && (text[at] | 0x20) == 'e') {
            int written = readExponent(text, at + 1, limit);
            exponent += written;
            at = end;
        }
        end = at;
        double value = digits <= MAX_DIGITS
                ? fromDecimal(significand, exponent, text, first, at)
                : fromManyDigits(text, first, endOfDigits, exponent, at);
        return isNegative ? -value : value;
    }

    private double readNonFinite(byte[] text, int offset, int limit, boolean isNegative) {
        if (text[offset] == 'N') {
            end = offset + 3;
            return Double.NaN;
        }
        end = offset + 3;
        if (end < limit && text[end] == 'i') {
            end = offset + 8;
        }
        return isNegative ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    }

    private int readExponent(byte[] text, int offset, int limit) {
        int at = offset;
        boolean isNegative = text[at] == '-';
        if (isNegative || text[at] == '+') {
            at++;
        }
        int exponent = 0;
        int digit;
        while (at < limit && (digit = text[at] - '0') >= 0 && digit <= 9) {
            exponent = Math.min(exponent * 10 + digit, MAX_EXPONENT);
            at++;
        }
        end = at;
        return isNegative ? -exponent : exponent;
    }

    private static double fromDecimal(long significand, int exponent, byte[] text, int first, int end) {
        // Both operands are exact, so the one rounding is the right one.
        if (significand >>> 53 == 0 && exponent >= -22 && exponent <= 22) {
            return exponent < 0 ? significand / EXACT_POWERS[-exponent] : significand * EXACT_POWERS[exponent];
        }
        double value = DecimalConversion.toDouble(significand, exponent);
        return Double.isNaN(value) ? fromText(text, first, end) : value;
    }

    /** Nineteen digits and the next larger number with nineteen digits mostly round to the same double. */
    private static double fromManyDigits(byte[] text, int first, int endOfDigits, int exponent, int end) {
        int at = first;
        while (at < endOfDigits && (text[at] == '0' || text[at] == '.')) {
            at++;
        }
        long significand = 0;
        int digits = 0;
        int dropped = 0;
        for (; at < endOfDigits; at++) {
            if (text[at] == '.') {
                continue;
            }
            if (digits < MAX_DIGITS) {
                significand = significand * 10 + (text[at] - '0');
                digits++;
            } else {
                dropped++;
            }
        }
        if (dropped == 0) {
            return fromDecimal(significand, exponent, text, first, end);
        }
        double low = DecimalConversion.toDouble(significand, exponent + dropped);
        double high = DecimalConversion.toDouble(significand + 1, exponent + dropped);
        return low == high ? low : fromText(text, first, end);
    }

    private static double fromText(byte[] text, int first, int end) {
        return Double.parseDouble(new String(text, first, end - first, ISO_8859_1));
    }
}
