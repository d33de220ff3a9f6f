package dev.nereid.server.protocol;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.StrtolNumber;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class InferBodyTest {
    @ParameterizedTest
    @CsvSource({"12abc, NUMBER, 12", "'  +7', NUMBER, 7", "-1, NUMBER, -1", "abc, NOT_A_NUMBER, 0",
        "'', NOT_A_NUMBER, 0", "-, NOT_A_NUMBER, 0", "2147483647, NUMBER, 2147483647",
        "2147483648, OUT_OF_RANGE, 0", "-2147483648, NUMBER, -2147483648", "-2147483649, OUT_OF_RANGE, 0",
        "99999999999999999999999, OUT_OF_RANGE, 0", "0x10, NUMBER, 0"})
    void readsNumbersAsCDoes(String text, StrtolNumber.Outcome outcome, long value) {
        assertEquals(new StrtolNumber(outcome, value), StrtolNumber.parseInt(text));
    }

    @Test
    void readsLongNumbersAsCDoes() {
        assertEquals(Long.MIN_VALUE, StrtolNumber.parseLong("-9223372036854775808").value());
        assertEquals(Long.MAX_VALUE, StrtolNumber.parseLong("9223372036854775807").value());
        assertEquals(StrtolNumber.Outcome.OUT_OF_RANGE, StrtolNumber.parseLong("9223372036854775808").outcome());
        assertEquals(StrtolNumber.Outcome.OUT_OF_RANGE, StrtolNumber.parseLong("-9223372036854775809").outcome());
    }

    @Test
    void dividesTheBody() {
        assertEquals(new InferBody(100, false), divide(Optional.empty(), Optional.of("100"), 100));
        assertEquals(new InferBody(40, false), divide(Optional.of("40"), Optional.of("100"), 100));
        assertTrue(divide(Optional.of("0"), Optional.of("100"), 100).isRaw());
        assertTrue(divide(Optional.empty(), Optional.empty(), 0).isRaw());
        assertFalse(divide(Optional.empty(), Optional.empty(), 1).isRaw());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
            x;          Unable to parse Inference-Header-Content-Length, got: x
            2147483648; Unable to parse Inference-Header-Content-Length, value is out of range [ -2147483648, 2147483647 ], got: 2147483648
            -1;         inference header size should be in range (0, 100), got: -1
            101;        inference header size should be in range (0, 100), got: 101
            80;         request JSON size of 80 bytes exceeds the maximum allowed input size of 60 bytes. Use --http-max-input-size to increase the limit.
            """)
    void refusesLengths(String header, String message) {
        var failure = assertThrows(InferenceException.class,
                () -> divide(Optional.of(header), Optional.of("100"), 100, 60));

        assertEquals(message, failure.getMessage());
    }

    @Test
    void refusesATruncatedBody() {
        var failure = assertThrows(InferenceException.class,
                () -> divide(Optional.empty(), Optional.of("100"), 90));

        assertEquals("unexpected size for request JSON, expecting 10 more bytes", failure.getMessage());
    }

    private static InferBody divide(Optional<String> header, Optional<String> content, long body) {
        return divide(header, content, body, 1000);
    }

    private static InferBody divide(Optional<String> header, Optional<String> content, long body, long limit) {
        return InferBody.divide(header, content, body, limit);
    }
}
