package dev.nereid.json;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonWriterTest {
    private final JsonWriter writer = new JsonWriter();

    private String text() {
        return new String(writer.toByteArray(), UTF_8);
    }

    @Test
    void writesCompactObjectsAndArrays() {
        writer.beginObject().name("a").integer(-1).name("b").beginArray().string("x").bool(true).nullValue();
        writer.beginObject().endObject().beginArray().endArray().endArray().name("c").unsigned(-1).endObject();

        assertEquals("{\"a\":-1,\"b\":[\"x\",true,null,{},[]],\"c\":18446744073709551615}", text());
    }

    @Test
    void escapesOnlyWhatItMust() {
        writer.string("\"\\/\b\f\n\r\t\0\u001f\u007fé☃😀");

        assertEquals("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\u007fé☃😀\"", text());
    }

    @Test
    void passesBytesThrough() {
        byte[] bytes = "a\"é\n".repeat(1000).getBytes(UTF_8);

        writer.string(MemorySegment.ofArray(bytes), 0, bytes.length);

        assertEquals("\"" + "a\\\"é\\n".repeat(1000) + "\"", text());
    }

    @ParameterizedTest
    @CsvSource({"0, 0.0", "-0.0, -0.0", "1, 1.0", "123456789012345678, 123456789012345680.0",
        "1e20, 100000000000000000000.0", "1e21, 1e21", "1.5e22, 1.5e22", "0.1, 0.1", "12.34, 12.34",
        "0.000001, 0.000001", "1e-7, 1e-7", "1.5e-7, 1.5e-7", "-1.25e-300, -1.25e-300", "5e-324, 5e-324",
        "1.7976931348623157e308, 1.7976931348623157e308", "NaN, NaN", "Infinity, Infinity",
        "-Infinity, -Infinity"})
    void writesDoubles(double value, String expected) {
        writer.number(value);

        assertEquals(expected, text());
    }

    @Test
    void widensFloats() {
        writer.number(0.1f);

        assertEquals("0.10000000149011612", text());
    }

    @Test
    void passesALongTextOnInParts() {
        String longest = "y".repeat(5_000);
        List<String> parts = new ArrayList<>();
        JsonWriter bounded = new JsonWriter(_ -> {
        }, 2_000, (bytes, length) -> parts.add(new String(bytes, 0, length, UTF_8)));
        for (int round = 0; round < 2; round++) {
            parts.clear();
            bounded.reset();
            for (JsonWriter each : List.of(writer.reset(), bounded)) {
                each.beginObject().name("a").beginArray();
                for (int i = 0; i < 1_000; i++) {
                    each.number(i / 8.0).string("é\n" + i);
                }
                each.endArray().name(longest).string(longest).endObject();
            }

            assertTrue(parts.size() > 5, parts.size() + " parts");
            assertTrue(parts.stream().limit(5).allMatch(part -> part.length() <= 2_000));
            assertEquals(writer.size(), bounded.size());
            assertEquals(text(), String.join("", parts) + new String(bounded.buffer(), 0, bounded.rest(), UTF_8));
        }
    }

    @Test
    void isReusable() {
        writer.beginArray().integer(1);
        writer.reset().error("it's \"bad\"");

        assertEquals("{\"error\":\"it's \\\"bad\\\"\"}", text());
    }
}
