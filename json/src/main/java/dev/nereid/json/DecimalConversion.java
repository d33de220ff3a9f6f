package dev.nereid.json;

/**
 * Turns a decimal number of up to 19 digits into the nearest double, without garbage. The method is Lemire's: one or two
 * multiplications with a 128-bit power of ten decide all but a handful of cases.
 */
final class DecimalConversion {
    private static final int MANTISSA_BITS = 52;
    private static final int MINIMUM_EXPONENT = -1023;
    private static final int INFINITE_POWER = 0x7FF;

    private DecimalConversion() {
    }

    /**
     * Returns {@code significand} (unsigned) times ten to that power, rounded to the nearest double; NaN where this
     * method cannot decide.
     */
    static double toDouble(long significand, int exponent) {
        if (significand == 0 || exponent < PowersOfTen.SMALLEST_READ) {
            return 0;
        }
        if (exponent > PowersOfTen.LARGEST_READ) {
            return Double.POSITIVE_INFINITY;
        }
        int leadingZeros = Long.numberOfLeadingZeros(significand);
        long normalised = significand << leadingZeros;
        long power = PowersOfTen.readHigh(exponent);
        long high = Math.unsignedMultiplyHigh(normalised, power);
        long low = normalised * power;
        if ((high & 0x1FF) == 0x1FF) {
            long carry = Math.unsignedMultiplyHigh(normalised, PowersOfTen.readLow(exponent));
            low += carry;
            if (Long.compareUnsigned(low, carry) < 0) {
                high++;
            }
        }
        if (low == -1 && (exponent < -27 || exponent > 55)) {
            return Double.NaN;
        }
        int upperBit = (int) (high >>> 63);
        int shift = upperBit + 64 - MANTISSA_BITS - 3;
        long mantissa = high >>> shift;
        int binaryExponent = (((152170 + 65536) * exponent) >> 16) + 63 + upperBit - leadingZeros - MINIMUM_EXPONENT;
        if (binaryExponent <= 0) {
            return subnormal(mantissa, binaryExponent);
        }
        // Exactly between two doubles: the later rounding up must not happen if the lower one is even.
        if (Long.compareUnsigned(low, 1) <= 0 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1
                && (mantissa << shift) == high) {
            mantissa &= ~1L;
        }
        mantissa += mantissa & 1;
        mantissa >>>= 1;
        if (mantissa >= 2L << MANTISSA_BITS) {
            mantissa = 1L << MANTISSA_BITS;
            binaryExponent++;
        }
        if (binaryExponent >= INFINITE_POWER) {
            return Double.POSITIVE_INFINITY;
        }
        mantissa &= ~(1L << MANTISSA_BITS);
        return Double.longBitsToDouble(mantissa | ((long) binaryExponent << MANTISSA_BITS));
    }

    private static double subnormal(long normalMantissa, int binaryExponent) {
        if (-binaryExponent + 1 >= 64) {
            return 0;
        }
        long mantissa = normalMantissa >>> (-binaryExponent + 1);
        mantissa += mantissa & 1;
        mantissa >>>= 1;
        // Rounding may reach the smallest normal number, whose bits are these very bits.
        return Double.longBitsToDouble(mantissa);
    }
}
