package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class BenchRequestTest {
    @Test
    void putsTheTensorBehindTheJson() {
        RequestBody body = RequestBody.of("IN", new long[]{1, 3}, false);

        assertEquals("{\"parameters\":{\"binary_data_output\":true},\"inputs\":[{\"name\":\"IN\",\"shape\":[1,3],"
                + "\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":12}}]}",
                new String(body.bytes(), 0, body.jsonLength(), StandardCharsets.US_ASCII));
        assertEquals(body.jsonLength() + 12, body.bytes().length);
    }

    @Test
    void writesTheTensorAsJson() {
        RequestBody body = RequestBody.of("IN", new long[]{1, 3}, true);

        JsonValue input = new JsonDocument().parse(body.bytes()).member("inputs").elements().getFirst();
        assertEquals(0, body.jsonLength());
        assertEquals(3, input.member("data").elements().size());
        assertEquals("FP32", input.member("datatype").asString());
    }

    @ParameterizedTest
    @EnumSource(BenchCase.class)
    void everyCaseIsFoundByItsName(BenchCase benchCase) {
        assertEquals(List.of(benchCase), BenchCase.find(benchCase.id()));
        assertEquals(1, benchCase.shape()[0]);
    }

    @Test
    void largeMeansSixteenMegabytes() {
        assertArrayEquals(new long[]{1, 4, 1024, 1024}, BenchCase.LARGE_BINARY.shape());
    }
}
