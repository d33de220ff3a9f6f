package dev.nereid.json;

/**
 * Finds a short decimal that reads back as the same double, without garbage. The method is Loitsch's Grisu2, which misses
 * the shortest decimal once in a thousand, and the closest of the shortest more often; the reference uses it, so clients
 * see the same digits. Reusable, for one thread.
 */
final class ShortestDecimal {
    private static final int SIGNIFICAND_BITS = 52;
    private static final long HIDDEN_BIT = 1L << SIGNIFICAND_BITS;
    private static final double LOG10_OF_2 = 0.30102999566398114;
    private static final long[] POWERS = {1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000,
        1_000_000_000};
    /** From this many digits behind the point on, the reference does not look for a closer decimal. */
    private static final int ROUNDED_DIGITS = 9;

    private long digits;
    private int exponent;

    /** Returns the digits of the last result, without trailing zeros. */
    long digits() {
        return digits;
    }

    /** Returns the power of ten that the digits are to be multiplied with. */
    int exponent() {
        return exponent;
    }

    /** Finds the decimal for a positive, finite number. */
    void find(double value) {
        long bits = Double.doubleToRawLongBits(value);
        int biased = (int) (bits >>> SIGNIFICAND_BITS);
        long fraction = bits & (HIDDEN_BIT - 1);
        long significand = biased == 0 ? fraction : fraction | HIDDEN_BIT;
        int shift = Long.numberOfLeadingZeros(significand);
        int binaryExponent = Math.max(biased, 1) - 1075 - shift;

        // Scaled by a power of ten, the number has its point within the upper half of 64 bits.
        double estimate = (-61 - binaryExponent) * LOG10_OF_2 + 347;
        int index = ((int) Math.ceil(estimate) >> 3) + 1;
        long power = PowersOfTen.scaleSignificand(index);
        exponent = -PowersOfTen.scaleExponent(index);
        int pointBits = -(binaryExponent + PowersOfTen.scaleBinaryExponent(index) + 64);
        long scaled = multiply(significand << shift, power);
        long upper = multiply((2 * significand + 1) << (shift - 1), power) - 1;
        // Below a power of two the next smaller double is only half as far away.
        long belowHalf = significand == HIDDEN_BIT
                ? (4 * significand - 1) << (shift - 2)
                : (2 * significand - 1) << (shift - 1);
        long lower = multiply(belowHalf, power) + 1;
        generate(upper, upper - lower, upper - scaled, pointBits);
        while (digits % 10 == 0) {
            digits /= 10;
            exponent++;
        }
    }

    /** Takes digits off the upper bound until what is left is less than the width of the interval. */
    private void generate(long upper, long width, long distance, int pointBits) {
        long one = 1L << pointBits;
        long integral = upper >>> pointBits;
        long fraction = upper & (one - 1);
        // Mostly the interval is so narrow that it ends behind the point; then the digits before it are all needed.
        if (Long.compareUnsigned(fraction, width) > 0 && Long.compareUnsigned(width, one) < 0) {
            digits = integral;
        } else if (generateIntegral(integral, fraction, width, distance, pointBits)) {
            return;
        }
        long wider = width;
        int behindPoint = 0;
        do {
            fraction *= 10;
            wider *= 10;
            digits = digits * 10 + (fraction >>> pointBits);
            fraction &= one - 1;
            behindPoint++;
        } while (Long.compareUnsigned(fraction, wider) >= 0);
        exponent -= behindPoint;
        approach(wider, fraction, one, behindPoint < ROUNDED_DIGITS ? distance * POWERS[behindPoint] : 0);
    }

    /** Returns whether the digits before the point are enough. */
    private boolean generateIntegral(long integral, long fraction, long width, long distance, int pointBits) {
        long behind = integral;
        digits = 0;
        for (int left = digitCount(integral) - 1; left >= 0; left--) {
            digits = digits * 10 + behind / POWERS[left];
            behind %= POWERS[left];
            long rest = (behind << pointBits) + fraction;
            if (Long.compareUnsigned(rest, width) <= 0) {
                exponent += left;
                approach(width, rest, POWERS[left] << pointBits, distance);
                return true;
            }
        }
        return false;
    }

    /** Lowers the last digit as long as that comes closer to the number. */
    private void approach(long width, long start, long step, long distance) {
        long rest = start;
        while (Long.compareUnsigned(rest, distance) < 0 && Long.compareUnsigned(width - rest, step) >= 0
                && (Long.compareUnsigned(rest + step, distance) < 0
                        || Long.compareUnsigned(distance - rest, rest + step - distance) > 0)) {
            digits--;
            rest += step;
        }
    }

    private static int digitCount(long value) {
        int count = 1;
        while (count < POWERS.length && value >= POWERS[count]) {
            count++;
        }
        return count;
    }

    /** Returns the upper half of the product, rounded. */
    private static long multiply(long left, long right) {
        return Math.unsignedMultiplyHigh(left, right) + ((left * right) >>> 63);
    }
}
