package dev.nereid.server.v2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts and outcomes as recorded from the reference's gRPC front end. */
class ModelVersionsTest {
    @Test
    void leavesTheChoiceToTheServerWithoutAText() {
        assertEquals(OptionalLong.empty(), ModelVersions.parse(""));
    }

    @ParameterizedTest
    @CsvSource({"1,1", "1x,1", "1.5,1", "' 1',1", "+1,1", "01,1", "0x1,0"})
    void takesTheNumberThatATextStartsWith(String text, long version) {
        assertEquals(OptionalLong.of(version), ModelVersions.parse(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "9223372036854775808"})
    void refusesWhatIsNoNumberOrTooLarge(String text) {
        refused(text, "failed to get model version from specified version string '" + text
                + "' (details: stol), version should be an integral value > 0");
    }

    @Test
    void refusesANegativeOne() {
        refused("-1", "invalid model version specified '-1' , version should be an integral value > 0");
    }

    private static void refused(String text, String reason) {
        InferenceException failure = assertThrows(InferenceException.class, () -> ModelVersions.parse(text));
        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals(reason, failure.getMessage());
    }
}
