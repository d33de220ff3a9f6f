package dev.nereid.json;

/**
 * An integer read as C's {@code stoi} and {@code stol} do: leading blanks, a sign and anything behind the digits are
 * fine.
 *
 * @param outcome whether there is a value
 * @param value the value; 0 where there is none
 */
public record StrtolNumber(Outcome outcome, long value) {
    /** What became of the text. */
    public enum Outcome {
        /** It starts with a number. */
        NUMBER,
        /** It does not start with a number. */
        NOT_A_NUMBER,
        /** Its number does not fit. */
        OUT_OF_RANGE
    }

    /** Reads a signed 32-bit number. */
    public static StrtolNumber parseInt(String text) {
        return parse(text, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    /** Reads a signed 64-bit number. */
    public static StrtolNumber parseLong(String text) {
        return parse(text, Long.MIN_VALUE, Long.MAX_VALUE);
    }

    /** Returns whether there is a value. */
    public boolean isNumber() {
        return outcome == Outcome.NUMBER;
    }

    private static StrtolNumber parse(String text, long smallest, long largest) {
        int at = 0;
        while (at < text.length() && isBlank(text.charAt(at))) {
            at++;
        }
        char sign = at < text.length() ? text.charAt(at) : ' ';
        boolean isNegative = sign == '-';
        if (isNegative || sign == '+') {
            at++;
        }
        int firstDigit = at;
        // Counted downwards, because the negative range is the larger one.
        long negated = 0;
        boolean isTooLarge = false;
        for (; at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9'; at++) {
            int digit = text.charAt(at) - '0';
            if (negated < (Long.MIN_VALUE + digit) / 10) {
                isTooLarge = true;
            } else {
                negated = negated * 10 - digit;
            }
        }
        if (at == firstDigit) {
            return new StrtolNumber(Outcome.NOT_A_NUMBER, 0);
        }
        if (isTooLarge || (isNegative ? negated < smallest : negated < -largest)) {
            return new StrtolNumber(Outcome.OUT_OF_RANGE, 0);
        }
        return new StrtolNumber(Outcome.NUMBER, isNegative ? negated : -negated);
    }

    private static boolean isBlank(char next) {
        return next == ' ' || (next >= '\t' && next <= '\r');
    }
}
