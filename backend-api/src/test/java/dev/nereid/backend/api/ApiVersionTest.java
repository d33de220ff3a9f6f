package dev.nereid.backend.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ApiVersionTest {
    @ParameterizedTest
    @CsvSource({"1,0,true", "1,2,true", "1,3,false", "0,2,false", "2,0,false"})
    void runsTheSameMajorAndNoHigherMinor(int major, int minor, boolean runs) {
        assertEquals(runs, new ApiVersion(1, 2).canRun(new ApiVersion(major, minor)));
    }

    @Test
    void refusesNegativeParts() {
        assertThrows(IllegalArgumentException.class, () -> new ApiVersion(-1, 0));
        assertThrows(IllegalArgumentException.class, () -> new ApiVersion(0, -1));
    }

    @Test
    void printsWithADot() {
        assertEquals("1.2", new ApiVersion(1, 2).toString());
    }
}
