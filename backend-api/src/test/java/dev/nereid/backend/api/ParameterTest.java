package dev.nereid.backend.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ParameterTest {
    @Test
    void keepsItsKind() {
        assertEquals(new Parameter.Text("x"), Parameter.of("x"));
        assertEquals(new Parameter.Int(3), Parameter.of(3));
        assertEquals(new Parameter.Bool(true), Parameter.of(true));
        assertEquals(new Parameter.Real(0.5), Parameter.of(0.5));
    }

    @Test
    void printsItsValue() {
        assertEquals("x", Parameter.of("x").toString());
        assertEquals("3", Parameter.of(3).toString());
        assertEquals("true", Parameter.of(true).toString());
        assertEquals("0.5", Parameter.of(0.5).toString());
    }

    @Test
    void zeroAndNothingNameNoSequence() {
        assertFalse(CorrelationId.NONE.isPresent());
        assertFalse(new CorrelationId.Text("").isPresent());
        assertTrue(new CorrelationId.Numeric(-1).isPresent());
        assertTrue(new CorrelationId.Text("a").isPresent());
    }

    @Test
    void numericSequenceIdsAreUnsigned() {
        assertEquals("18446744073709551615", new CorrelationId.Numeric(-1).toString());
    }
}
