package dev.nereid.json;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Numbers survive writing and reading, with fixed seeds. */
class NumberRoundTripTest {
    private static final int ROUNDS = 300_000;

    private final NumberReader reader = new NumberReader();
    private final NumberWriter writer = new NumberWriter();
    private final byte[] buffer = new byte[64];
    private int compared;
    private int longer;

    @Test
    void doublesOfAllBitPatterns() {
        Random random = new Random(1);
        for (int i = 0; i < ROUNDS; i++) {
            checkShortest(Double.longBitsToDouble(random.nextLong()), i);
        }
    }

    @Test
    void floatsWidened() {
        Random random = new Random(2);
        for (int i = 0; i < ROUNDS; i++) {
            checkShortest(Float.intBitsToFloat(random.nextInt()), i);
            checkShortest(random.nextFloat(), i);
        }
    }

    @Test
    void doublesAroundPowersOfTwoAndTen() {
        for (int exponent = -1074; exponent < 1024; exponent++) {
            double value = Math.scalb(1.0, exponent);
            checkShortest(value, 0);
            checkShortest(Math.nextUp(value), 0);
            checkShortest(Math.nextDown(value), 0);
        }
        for (int exponent = -323; exponent <= 308; exponent++) {
            double value = Double.parseDouble("1e" + exponent);
            checkShortest(value, 0);
            checkShortest(Math.nextUp(value), 0);
            checkShortest(Math.nextDown(value), 0);
        }
        checkShortest(Double.MAX_VALUE, 0);
        checkShortest(Double.MIN_VALUE, 0);
    }

    @Test
    void readsAnyDecimalToTheNearestDouble() {
        Random random = new Random(3);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < ROUNDS; i++) {
            text.setLength(0);
            if (random.nextBoolean()) {
                text.append('-');
            }
            text.append(1 + random.nextInt(9));
            digits(text, random, random.nextInt(22));
            if (random.nextBoolean()) {
                text.append('.');
                digits(text, random, 1 + random.nextInt(22));
            }
            if (random.nextBoolean()) {
                text.append(random.nextBoolean() ? 'e' : 'E').append(random.nextInt(-345, 290));
            }
            checkRead(text.toString());
        }
    }

    @Test
    void readsNumbersHalfwayBetweenTwoDoubles() {
        Random random = new Random(4);
        for (int i = 0; i < 3_000; i++) {
            double value = Math.abs(Double.longBitsToDouble(random.nextLong()));
            if (!Double.isFinite(value) || Double.isInfinite(Math.nextUp(value))) {
                continue;
            }
            BigDecimal middle = new BigDecimal(value).add(new BigDecimal(Math.nextUp(value)))
                    .divide(BigDecimal.TWO);
            checkRead(middle.toString().replace("E+", "e"));
            checkRead(middle.add(middle.ulp()).toString());
            checkRead(middle.subtract(middle.ulp()).toString());
        }
    }

    @Test
    void integersOfAllSizes() {
        Random random = new Random(5);
        for (int i = 0; i < ROUNDS; i++) {
            long value = random.nextLong() >> random.nextInt(64);
            int length = writer.writeSigned(value, buffer, 0);
            assertEquals(value < 0 ? NumberReader.Kind.NEGATIVE : NumberReader.Kind.SMALL,
                    reader.readInteger(buffer, 0, length));
            assertEquals(value, reader.integer());
            int unsignedLength = writer.writeUnsigned(value, buffer, 0);
            assertEquals(value < 0 ? NumberReader.Kind.LARGE : NumberReader.Kind.SMALL,
                    reader.readInteger(buffer, 0, unsignedLength));
            assertEquals(value, reader.integer());
            assertEquals(unsignedLength, reader.end());
        }
    }

    private static void digits(StringBuilder text, Random random, int count) {
        for (int i = 0; i < count; i++) {
            text.append((char) ('0' + random.nextInt(10)));
        }
    }

    private void checkRead(String text) {
        byte[] bytes = text.getBytes(ISO_8859_1);
        double expected = Double.parseDouble(text);
        double actual = reader.readDouble(bytes, 0, bytes.length);
        if (Double.doubleToRawLongBits(actual) != Double.doubleToRawLongBits(expected)) {
            assertEquals(expected, actual, text);
        }
        assertEquals(bytes.length, reader.end());
    }

    private void checkShortest(double value, int round) {
        int length = writer.write(value, buffer, 0);
        double back = reader.readDouble(buffer, 0, length);
        if (Double.doubleToLongBits(back) != Double.doubleToLongBits(value)) {
            assertEquals(value, back, new String(buffer, 0, length, ISO_8859_1));
        }
        if (round % 100 == 0 && Double.isFinite(value)) {
            int shortest = significantDigits(Double.toString(value));
            int actual = significantDigits(new String(buffer, 0, length, ISO_8859_1));
            compared++;
            longer += actual > shortest ? 1 : 0;
            assertTrue(actual <= 17 && longer <= 20 + compared / 100);
        }
    }

    private static int significantDigits(String number) {
        return new BigDecimal(number).stripTrailingZeros().precision();
    }
}
