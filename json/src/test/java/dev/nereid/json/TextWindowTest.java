package dev.nereid.json;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Texts that are looked at through a window are read as those in an array are. Each character here is one byte.
 */
class TextWindowTest {
    private static final int SHORTEST = TextWindow.MIN_LENGTH;
    private static final String[] NUMBERS = {"0", "-0", "7", "-1.5", "1e5", "0.25E-3", "123456789012345678901234567890",
        "NaN", "Infinity", "-Infinity", "Inf", "-Inf", "18446744073709551615", "-9223372036854775808", "1e308", "1e309",
        "0e400", "0." + "1234567890".repeat(9), "1" + "0".repeat(302), "1" + "0".repeat(310),
        "-" + "9".repeat(40) + "e1"};
    private static final String[] STRINGS = {"", "a", "id", "name", "parameters", "\\n", "\\\"", "\\\\", "\\u00e9",
        "\\ud83d\\ude00", "x\\u0000y", "\u00c3\u00a9\u00ff", "some words of a text, and a few more of them ", "]",
        "[,"};
    private static final String[] MISTAKES = {"\0", "\"", "\\", ",", "]", "}", ":", "[", "\\u12", "\\ud83d", "\\q",
        "tru",
        "-", "1.", "2e", "Infinit", "\n", "\u0001", "\u00ef\u00bb\u00bf"};

    private final Random random = new Random(64);
    private final JsonDocument whole = new JsonDocument();

    /** What a text means, or what is wrong with it: with offsets and tags, and all values in two orders. */
    private static String meaning(JsonDocument document, JsonValue root) {
        StringBuilder all = new StringBuilder();
        List<JsonValue> values = new ArrayList<>();
        describe(root, all, values);
        Collections.shuffle(values, new Random(values.size()));
        for (JsonValue value : values) {
            all.append(' ');
            describeScalar(value, all);
        }
        document.forget();
        return all.toString();
    }

    private static void describe(JsonValue value, StringBuilder all, List<JsonValue> values) {
        values.add(value);
        all.append(JsonDocument.tag(value.entry())).append('@').append(JsonDocument.start(value.entry())).append('+')
                .append(JsonDocument.extra(value.entry())).append('=');
        if (value.isObject()) {
            for (JsonValue.Member member : value.members()) {
                all.append(member.name()).append(':');
                describe(member.value(), all, values);
            }
        } else if (value.isArray()) {
            value.elements().forEach(element -> describe(element, all, values));
            try {
                all.append(List.of(value.unsignedElements()[0]));
            } catch (InferenceException | ArrayIndexOutOfBoundsException e) {
                all.append("no numbers");
            }
        } else {
            describeScalar(value, all);
        }
        all.append(' ');
    }

    private static void describeScalar(JsonValue value, StringBuilder all) {
        if (value.isString()) {
            all.append(value.asString());
        } else if (value.isNumber()) {
            all.append(value.asDouble()).append(value.isLong() ? value.asLong() : "").append(value.isUnsigned());
        } else if (value.isBoolean()) {
            all.append(value.asBoolean());
        } else if (value.isObject()) {
            all.append(value.has("id")).append(value.has("parameters")).append(value.find("\u00e9").isPresent());
        }
    }

    private String fromArray(byte[] text) {
        try {
            return meaning(whole, whole.parse(text));
        } catch (InferenceException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private static String throughWindow(byte[] text, int length) {
        return throughWindow(text, length, _ -> {
        });
    }

    private static String throughWindow(byte[] text, int length, LongConsumer growth) {
        JsonDocument document = new JsonDocument(growth);
        // Confined and of just its size: nothing beside it is read, and nothing later.
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(text.length);
            MemorySegment.copy(text, 0, memory, ValueLayout.JAVA_BYTE, 0, text.length);
            // Left by another text.
            byte[] part = new byte[length];
            Arrays.fill(part, (byte) ' ');
            return meaning(document, document.parse(memory, part));
        } catch (InferenceException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private void assertSame(String text, int length) {
        byte[] bytes = text.getBytes(ISO_8859_1);
        assertEquals(fromArray(bytes), throughWindow(bytes, length),
                () -> "window of " + length + " bytes over " + text);
    }

    private String spaces(int atMost) {
        StringBuilder spaces = new StringBuilder();
        for (int i = random.nextInt(6) == 0 ? random.nextInt(atMost) : random.nextInt(2); i > 0; i--) {
            spaces.append(" \n\t\r".charAt(random.nextInt(4)));
        }
        return spaces.toString();
    }

    private String pick(String... from) {
        return from[random.nextInt(from.length)];
    }

    private String string() {
        StringBuilder string = new StringBuilder("\"");
        for (int i = random.nextInt(4); i >= 0; i--) {
            string.append(pick(STRINGS));
        }
        return string.append('"').toString();
    }

    private String value(int depth) {
        int kind = random.nextInt(depth > 4 ? 5 : 9);
        if (kind < 5) {
            return switch (kind) {
                case 0 -> pick("true", "false", "null");
                case 1, 2 -> string();
                // Mostly one that is not refused.
                default -> random.nextInt(30) == 0 ? pick(NUMBERS) : NUMBERS[random.nextInt(15)];
            };
        }
        boolean isObject = kind == 5;
        StringBuilder text = new StringBuilder(isObject ? "{" : "[");
        for (int i = random.nextInt(7); i > 0; i--) {
            text.append(spaces(60));
            if (isObject) {
                text.append(string()).append(spaces(60)).append(':').append(spaces(60));
            }
            text.append(value(kind == 6 ? 9 : depth + 1)).append(spaces(60)).append(i > 1 ? "," : "");
        }
        return text.append(spaces(60)).append(isObject ? '}' : ']').toString();
    }

    @Test
    void readsRandomTextsAndThoseWithMistakes() {
        int valid = 0;
        for (int i = 0; i < 10_000; i++) {
            StringBuilder text = new StringBuilder(spaces(40)).append(value(0)).append(spaces(40));
            for (int mistakes = random.nextInt(3); mistakes > 1; mistakes--) {
                int at = random.nextInt(text.length() + 1);
                text.replace(at, Math.min(text.length(), at + random.nextInt(3)), pick(MISTAKES));
            }
            assertSame(text.toString(), SHORTEST + random.nextInt(random.nextInt(4) == 0 ? 400 : 16));
            valid += fromArray(text.toString().getBytes(ISO_8859_1)).startsWith("failed to parse") ? 0 : 1;
        }
        assertTrue(valid > 3_500 && valid < 9_500, valid + " valid texts");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[true,false,null]", "[NaN,Infinity,-Infinity,Inf,-Inf]", "[\"\\ud83d\\ude00\\u00e9\\n\"]",
        "{\"id\":\"a\\\"b\",\"n\\u00e9\":[]}", "[12345678901234567890.123456789e-5,-7]", "\u00ef\u00bb\u00bf[1]",
        "[[1,2],[3,[4,{}]],\"ab\"]", "{\"parameters\":{\"id\":1}}", "\"\\ud83d\\u0041\"", "[1e]", "[-]", "[1.]",
        "[\"a\\q\"]",
        "[\"a\nb\"]", "{\"a\" 1}", "{\"a\":1,}", "[1 2]", "[1,]", "[0,1e309]", "1\0x", "[1]\0x", "[1] x", "[Infinitx]",
        "[\"\\u12g4\"]", "[falsx]", "[1,\0]", "[\"a\0\"]"})
    void readsAcrossTheBorderWhereverItIs(String text) {
        for (int before = 0; before < 2 * SHORTEST; before++) {
            for (int length = SHORTEST; length < SHORTEST + 12; length++) {
                assertSame(" ".repeat(before) + text, length);
                assertSame("[\"" + "a".repeat(before) + "\"," + text + "]", length);
                assertSame("[" + "1".repeat(before) + "," + text + "]", length);
            }
        }
        for (int end = 0; end <= text.length(); end++) {
            for (int before = 0; before < SHORTEST; before++) {
                assertSame(" ".repeat(before) + text.substring(0, end), SHORTEST);
            }
        }
    }

    @Test
    void readsWhatIsFarLongerThanTheWindow() {
        String number = "0." + "7".repeat(200 << 10);
        assertSame("[1," + number + "," + number + "," + number + "0,2,3]", 1 << 10);
        assertSame("[" + " ".repeat(200 << 10) + "1" + "\n".repeat(200 << 10) + "]" + " ".repeat(5000), 1 << 10);
        assertSame("{\"id\":\"" + "words\\n".repeat(40_000) + "\",\"" + "name".repeat(40_000) + "\":1}", 1 << 10);
        assertSame("[".repeat(500) + "]".repeat(500), SHORTEST);
        assertSame("[".repeat(11_000), 100);
        assertSame("1" + "0".repeat(200 << 10), 1 << 10);
        assertSame("", SHORTEST);
    }

    @Test
    void aNumberIsCountedWhereTheWindowGrowsForItAndATensorIsNot() {
        List<Long> counted = new ArrayList<>();
        String values = "{\"data\":[" + "0.125, 1e-3,\"a string\",".repeat(50_000) + "\"" + "x".repeat(1 << 20)
                + "\"]}";
        assertParses(values, counted::add);
        assertEquals(List.of(4L), counted, "all strings but elements");

        counted.clear();
        assertParses("[1," + "2".repeat(300) + ",0." + "3".repeat(3_000) + ",4" + ",5".repeat(50_000) + "]",
                counted::add);
        assertEquals(List.of(2048L, 4096L, 2L * 3_003 + 1, 0L), counted);

        counted.clear();
        assertParses("{\"name\":\"" + "x".repeat(500_000) + "\"}", counted::add);
        assertEquals(List.of(500_004L), counted);
    }

    private static void assertParses(String text, LongConsumer growth) {
        JsonDocument document = new JsonDocument(growth);
        document.parse(MemorySegment.ofArray(text.getBytes(ISO_8859_1)), new byte[1 << 10]);
    }

    @Test
    void viewsAndNumbersAreCounted() {
        List<Long> counted = new ArrayList<>();
        JsonValue root = new JsonDocument(counted::add).parse("[1,2,3]".getBytes(ISO_8859_1));

        assertEquals(3, root.elements().size());
        assertEquals(3, root.unsignedElements().length);
        assertEquals(List.of(96L, 24L), counted);
    }

    @Test
    void aWindowThatMayNotGrowEndsTheParse() {
        var full = new InferenceException(StatusCode.UNAVAILABLE, "no memory");

        assertEquals("no memory", throughWindow(("[" + "1".repeat(100) + "]").getBytes(ISO_8859_1), 50, bytes -> {
            if (bytes > 60) {
                throw full;
            }
        }));
    }

    @Test
    void aWindowHasALength() {
        assertThrows(IllegalArgumentException.class,
                () -> whole.parse(MemorySegment.ofArray(new byte[100]), new byte[SHORTEST - 1]));
    }

    @Test
    void nothingIsReadOnceTheTextWasForgotten() {
        JsonDocument document = new JsonDocument();
        byte[] part = new byte[100];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(200).fill((byte) ' ');
            text.set(ValueLayout.JAVA_BYTE, 100, (byte) '7');
            assertEquals(7, document.parse(text, part).asLong());
            document.forget();
        }

        assertEquals(0, document.window().bytes().length);
        assertEquals(8, document.parse("8".getBytes(ISO_8859_1)).asLong());
    }
}
