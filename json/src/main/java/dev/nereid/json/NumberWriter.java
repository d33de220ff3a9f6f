package dev.nereid.json;

/**
 * Writes numbers as ASCII: integers plainly; doubles with the shortest digits, always with a fraction or an exponent,
 * plainly from 1e-6 up to below 1e21. Reusable, for one thread.
 */
final class NumberWriter {
    /** No number needs more bytes than this. */
    static final int MAX_LENGTH = 32;

    private static final int LARGEST_PLAIN = 21;
    private static final int SMALLEST_PLAIN = -6;
    private static final double INTEGERS_BELOW = 1e15;
    private static final byte[] PAIRS = new byte[200];
    private static final long[] POWERS = new long[19];

    static {
        for (int i = 0; i < 100; i++) {
            PAIRS[2 * i] = (byte) ('0' + i / 10);
            PAIRS[2 * i + 1] = (byte) ('0' + i % 10);
        }
        long power = 1;
        for (int i = 0; i < POWERS.length; i++) {
            POWERS[i] = power;
            power *= 10;
        }
    }

    private final ShortestDecimal decimal = new ShortestDecimal();

    /** Writes at that offset and returns the offset behind. */
    int writeSigned(long value, byte[] target, int offset) {
        if (value >= 0) {
            return writeDigits(value, digitCount(value), target, offset);
        }
        target[offset] = '-';
        return writeUnsigned(-value, target, offset + 1);
    }

    /** Writes at that offset and returns the offset behind. */
    int writeUnsigned(long value, byte[] target, int offset) {
        if (value >= 0) {
            return writeDigits(value, digitCount(value), target, offset);
        }
        long rest = Long.divideUnsigned(value, 10);
        int at = writeDigits(rest, digitCount(rest), target, offset);
        target[at] = (byte) ('0' + value - rest * 10);
        return at + 1;
    }

    /** Writes at that offset and returns the offset behind. */
    int write(double value, byte[] target, int offset) {
        int at = offset;
        if (Double.doubleToRawLongBits(value) < 0 && !Double.isNaN(value)) {
            target[at++] = '-';
        }
        double magnitude = Math.abs(value);
        long integer = (long) magnitude;
        if (integer == magnitude && magnitude < INTEGERS_BELOW) {
            at = writeDigits(integer, digitCount(integer), target, at);
            target[at++] = '.';
            target[at++] = '0';
            return at;
        }
        if (!(magnitude <= Double.MAX_VALUE)) {
            return word(Double.isNaN(value) ? "NaN" : "Infinity", target, at);
        }
        decimal.find(magnitude);
        return writeDecimal(decimal.digits(), decimal.exponent(), target, at);
    }

    private static int writeDecimal(long digits, int exponent, byte[] target, int offset) {
        int count = digitCount(digits);
        int at = offset;
        // The number of digits before the point, if it is written plainly.
        int point = count + exponent;
        if (exponent >= 0 && point <= LARGEST_PLAIN) {
            at = zeros(exponent, target, writeDigits(digits, count, target, at));
            target[at++] = '.';
            target[at++] = '0';
            return at;
        }
        if (point > 0 && point <= LARGEST_PLAIN) {
            int end = writeDigits(digits, count, target, at + 1);
            System.arraycopy(target, at + 1, target, at, point);
            target[at + point] = '.';
            return end;
        }
        if (point > SMALLEST_PLAIN && point <= 0) {
            target[at++] = '0';
            target[at++] = '.';
            return writeDigits(digits, count, target, zeros(-point, target, at));
        }
        if (count == 1) {
            target[at++] = (byte) ('0' + digits);
        } else {
            int end = writeDigits(digits, count, target, at + 1);
            target[at] = target[at + 1];
            target[at + 1] = '.';
            at = end;
        }
        target[at++] = 'e';
        int power = point - 1;
        if (power < 0) {
            target[at++] = '-';
            power = -power;
        }
        return writeDigits(power, digitCount(power), target, at);
    }

    private static int zeros(int count, byte[] target, int offset) {
        for (int i = 0; i < count; i++) {
            target[offset + i] = '0';
        }
        return offset + count;
    }

    private static int word(String word, byte[] target, int offset) {
        for (int i = 0; i < word.length(); i++) {
            target[offset + i] = (byte) word.charAt(i);
        }
        return offset + word.length();
    }

    private static int writeDigits(long value, int count, byte[] target, int offset) {
        long rest = value;
        int at = offset + count;
        while (rest >= 100) {
            long next = rest / 100;
            int pair = 2 * (int) (rest - next * 100);
            target[--at] = PAIRS[pair + 1];
            target[--at] = PAIRS[pair];
            rest = next;
        }
        if (rest >= 10) {
            target[--at] = PAIRS[2 * (int) rest + 1];
            target[--at] = PAIRS[2 * (int) rest];
        } else {
            target[--at] = (byte) ('0' + rest);
        }
        return offset + count;
    }

    private static int digitCount(long value) {
        // A binary digit is worth 1233/4096 decimal digits.
        int guess = ((64 - Long.numberOfLeadingZeros(value | 1)) * 1233) >> 12;
        return guess < POWERS.length && value >= POWERS[guess] ? guess + 1 : Math.max(guess, 1);
    }
}
