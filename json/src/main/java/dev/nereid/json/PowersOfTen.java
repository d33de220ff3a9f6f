package dev.nereid.json;

import java.math.BigInteger;

/** Powers of ten as binary floating-point numbers, for reading and for writing doubles. */
final class PowersOfTen {
    /** The smallest exponent that reading needs; smaller ones make zero of any 19 digits. */
    static final int SMALLEST_READ = -342;
    /** The largest exponent that reading needs. */
    static final int LARGEST_READ = 308;

    private static final int SMALLEST_SCALE = -348;
    private static final int LARGEST_SCALE = 340;
    private static final int SCALE_STEP = 8;

    /** Significands of 128 bits, rounded down for exponents from 0, up below: high and low halves in turn. */
    private static final long[] READ = new long[2 * (LARGEST_READ - SMALLEST_READ + 1)];
    /** Significands of 64 bits, rounded to the nearest, of every eighth power. */
    private static final long[] SCALE_SIGNIFICANDS = new long[(LARGEST_SCALE - SMALLEST_SCALE) / SCALE_STEP + 1];
    private static final int[] SCALE_EXPONENTS = new int[SCALE_SIGNIFICANDS.length];

    static {
        for (int exponent = SMALLEST_READ; exponent <= LARGEST_READ; exponent++) {
            BigInteger significand = significand(exponent);
            if (exponent < 0) {
                significand = significand.add(BigInteger.ONE);
            }
            READ[2 * (exponent - SMALLEST_READ)] = significand.shiftRight(64).longValue();
            READ[2 * (exponent - SMALLEST_READ) + 1] = significand.longValue();
        }
        for (int i = 0; i < SCALE_SIGNIFICANDS.length; i++) {
            int exponent = scaleExponent(i);
            BigInteger significand = significand(exponent);
            long rounding = significand.testBit(63) ? 1 : 0;
            SCALE_SIGNIFICANDS[i] = significand.shiftRight(64).longValue() + rounding;
            // The position of the leading bit is that of ten's logarithm to base 2.
            SCALE_EXPONENTS[i] = Math.floorDiv(exponent * 1_741_647, 1 << 19) - 63;
        }
    }

    private PowersOfTen() {
    }

    static long readHigh(int exponent) {
        return READ[2 * (exponent - SMALLEST_READ)];
    }

    static long readLow(int exponent) {
        return READ[2 * (exponent - SMALLEST_READ) + 1];
    }

    /** Returns the power of ten at that place of the table for writing. */
    static int scaleExponent(int index) {
        return SMALLEST_SCALE + SCALE_STEP * index;
    }

    static long scaleSignificand(int index) {
        return SCALE_SIGNIFICANDS[index];
    }

    static int scaleBinaryExponent(int index) {
        return SCALE_EXPONENTS[index];
    }

    /** Returns the leading 128 bits of 10 to that power, rounded down; those of 5 to that power are the same. */
    private static BigInteger significand(int exponent) {
        BigInteger power = BigInteger.valueOf(5).pow(Math.abs(exponent));
        if (exponent < 0) {
            // The divisor is no power of two, so the quotient has 128 bits.
            return BigInteger.ONE.shiftLeft(127 + power.bitLength()).divide(power);
        }
        int excess = power.bitLength() - 128;
        return excess > 0 ? power.shiftRight(excess) : power.shiftLeft(-excess);
    }
}
