package dev.nereid.backend.api.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ParameterTextTest {
    @ParameterizedTest
    @CsvSource({"true,true", "ON,true", "1,true", "False,false", "off,false", "0,false"})
    void readsTruthValues(String text, boolean value) {
        assertEquals(value, ParameterText.bool(text));
    }

    @Test
    void readsIntegers() {
        assertEquals(-12, ParameterText.integer(" -12 "));
    }

    @Test
    void refusesOtherTexts() {
        var noTruth = assertThrows(InferenceException.class, () -> ParameterText.bool("yes"));
        var noNumber = assertThrows(InferenceException.class, () -> ParameterText.integer("many"));

        assertEquals("failed to convert 'yes' to boolean", noTruth.getMessage());
        assertEquals("failed to convert 'many' to integral number", noNumber.getMessage());
        assertEquals(StatusCode.INVALID_ARG, noNumber.code());
    }
}
