package dev.nereid.json;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonDocumentTest {
    private final JsonDocument document = new JsonDocument();

    private JsonValue parse(String text) {
        return document.parse(text.getBytes(UTF_8));
    }

    @Test
    void readsEachTextByItself() {
        String[] texts = {"{\"a\":1,\"b\":[1,{}]}", "{\"a\":2,\"b\":[5,{}]}", "{\"c\":2,\"b\":[5,{}]}", "{\"a\":true}",
            "{\"a\":2,\"b\":[5,{}]}"};
        long[][] expected = {{1, 1}, {2, 5}, {-1, 5}, {-2, -1}, {2, 5}};
        for (int i = 0; i < texts.length; i++) {
            JsonValue root = parse(texts[i]);
            long a = root.find("a").map(value -> value.isNumber() ? value.asLong() : -2).orElse(-1L);
            long b = root.find("b").map(value -> value.elements().getFirst().asLong()).orElse(-1L);

            assertArrayEquals(expected[i], new long[]{a, b}, texts[i]);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', textBlock = """
            ``                ~ The document is empty. at 0
            `  `              ~ The document is empty. at 2
            {} x              ~ The document root must not be followed by other values. at 3
            tru               ~ Invalid value. at 3
            nul1              ~ Invalid value. at 3
            not json          ~ Invalid value. at 1
            [1,]              ~ Invalid value. at 3
            [1,,2]            ~ Invalid value. at 3
            [                 ~ Invalid value. at 1
            {                 ~ Missing a name for object member. at 1
            {1:2}             ~ Missing a name for object member. at 1
            {"a":1,}          ~ Missing a name for object member. at 7
            {"a" 1}           ~ Missing a colon after a name of object member. at 5
            {"a":}            ~ Invalid value. at 5
            {"a":1 "b":2}     ~ Missing a comma or '}' after an object member. at 7
            [1 2]             ~ Missing a comma or ']' after an array element. at 3
            [{} 2]            ~ Missing a comma or ']' after an array element. at 4
            [01]              ~ Missing a comma or ']' after an array element. at 2
            "abc              ~ Missing a closing quotation mark in string. at 4
            "a\\x"            ~ Invalid escape character in string. at 2
            "a\\u12g4"        ~ Incorrect hex digit after \\u escape in string. at 2
            "\\ud800"         ~ The surrogate pair in string is invalid. at 1
            "\\ud800\\u0041"  ~ The surrogate pair in string is invalid. at 1
            "\\udc00"         ~ The surrogate pair in string is invalid. at 1
            [1.]              ~ Miss fraction part in number. at 3
            [1e]              ~ Miss exponent in number. at 3
            [1e+]             ~ Miss exponent in number. at 4
            [-]               ~ Invalid value. at 2
            [.5]              ~ Invalid value. at 1
            [+1]              ~ Invalid value. at 1
            [0, 1e309]        ~ Number too big to be stored in double. at 4
            [0e400]           ~ Number too big to be stored in double. at 1
            [Infinit]         ~ Invalid value. at 8
            [Nan]             ~ Invalid value. at 3
            """)
    void namesReasonAndOffset(String text, String reason) {
        var failure = assertThrows(InferenceException.class, () -> parse(text));

        assertEquals("failed to parse the request JSON buffer: " + reason, failure.getMessage());
        assertEquals(StatusCode.INVALID_ARG, failure.code());
    }

    @Test
    void refusesControlCharactersInStrings() {
        var failure = assertThrows(InferenceException.class, () -> parse("\"a\nb\""));

        assertEquals("failed to parse the request JSON buffer: Invalid encoding in string. at 2",
                failure.getMessage());
    }

    @Test
    void countsOffsetsFromTheStartOfItsPart() {
        byte[] buffer = "xx[1 2]yy".getBytes(UTF_8);

        var failure = assertThrows(InferenceException.class, () -> document.parse(buffer, 2, 5));

        assertTrue(failure.getMessage().endsWith(" at 3"));
        assertEquals(7, document.parse("xx7yy".getBytes(UTF_8), 2, 1).asLong());
    }

    @Test
    void readsMembersInOrderAndTheFirstOfEqualNames() {
        JsonValue root = parse("{\"b\": 1, \"a\": [1, [2, {\"c\": 3}], \"x\"], \"b\": 2, \"n\\u00e9\": null}");

        assertEquals(List.of("b", "a", "b", "né"), root.members().stream().map(JsonValue.Member::name).toList());
        assertEquals(1, root.member("b").asLong());
        assertTrue(root.member("né").isNull());
        List<JsonValue> elements = root.member("a").elements();
        assertEquals(3, root.member("a").elementCount());
        assertEquals(3, elements.get(1).elements().get(1).member("c").asLong());
        assertEquals("x", elements.get(2).asString());
        assertTrue(root.find("c").isEmpty());
        assertTrue(root.member("b").find("b").isEmpty());
    }

    @Test
    void readsArraysOfScalars() {
        List<JsonValue> elements = parse("[ 1 , -2.5,\"a,]\\\"\",true, false ,null,NaN,-Infinity,Inf]").elements();

        assertEquals(9, elements.size());
        assertEquals(-2.5, elements.get(1).asDouble());
        assertEquals("a,]\"", elements.get(2).asString());
        assertTrue(elements.get(3).asBoolean());
        assertFalse(elements.get(4).asBoolean());
        assertTrue(elements.get(5).isNull());
        assertTrue(Double.isNaN(elements.get(6).asDouble()));
        assertEquals(Double.NEGATIVE_INFINITY, elements.get(7).asDouble());
        assertEquals(Double.POSITIVE_INFINITY, elements.get(8).asDouble());
    }

    @Test
    void decodesEscapes() {
        assertEquals("\"\\/\b\f\n\r\té☃😀\0x",
                parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u2603\\ud83d\\ude00\\u0000x\"").asString());
    }

    @ParameterizedTest
    @CsvSource({"9223372036854775807, true, true", "9223372036854775808, false, true",
        "18446744073709551615, false, true", "18446744073709551616, false, false",
        "-9223372036854775808, true, false", "-9223372036854775809, false, false", "-0, true, true",
        "1.0, false, false", "1e2, false, false", "19999999999999999999, false, false"})
    void knowsWhichIntegersFit(String text, boolean isSigned, boolean isUnsigned) {
        JsonValue value = parse(text);

        assertEquals(isSigned, value.isLong());
        assertEquals(isUnsigned, value.isUnsigned());
        assertEquals(Double.parseDouble(text) + 0.0, value.asDouble() + 0.0);
    }

    @Test
    void namesTheWrongType() {
        JsonValue text = parse("\"a\"");

        assertMessage("attempt to access JSON non-array as array", text::elements);
        assertMessage("attempt to access JSON non-object as object", text::asObject);
        assertMessage("attempt to get members for non-object", text::members);
        assertMessage("attempt to access JSON non-boolean as boolean", text::asBoolean);
        assertMessage("attempt to access JSON non-signed-integer as signed-integer", text::asLong);
        assertMessage("attempt to access JSON non-unsigned-integer as unsigned-integer", text::asUnsigned);
        assertMessage("attempt to access JSON non-number as double", text::asDouble);
        assertMessage("attempt to access JSON non-string as string", () -> parse("1").asString());
        assertMessage("attempt to access non-existing object member 'b'", () -> parse("{}").member("b"));
    }

    @Test
    void limitsTheDepth() {
        assertMessage("JSON nesting depth exceeds maximum allowed limit (10000)", () -> parse("[".repeat(1_000_000)));
        assertEquals(1, parse("[".repeat(9_000) + "]".repeat(9_000)).elementCount());
    }

    @Test
    void skipsAByteOrderMarkAndEndsAtAZeroByte() {
        assertEquals(1, parse("\uFEFF1").asLong());
        assertEquals(1, parse("1\0garbage").asLong());
    }

    private static void assertMessage(String message, org.junit.jupiter.api.function.Executable access) {
        assertEquals(message, assertThrows(InferenceException.class, access).getMessage());
    }
}
