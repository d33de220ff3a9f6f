package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.Set;
import org.junit.jupiter.api.Test;

class WaitGraphTest {
    private final WaitGraph waits = new WaitGraph();

    @Test
    void refusesToCloseACircle() {
        waits.begin("a", Set.of("b"));
        waits.begin("b", Set.of("c", "x"));

        InferenceException failure = assertThrows(InferenceException.class, () -> waits.begin("c", Set.of("a")));

        assertEquals(StatusCode.UNSUPPORTED, failure.code());
        assertEquals("model 'c' can't call model 'a': they would wait for each other (c -> a -> b -> c)",
                failure.getMessage());
    }

    @Test
    void refusesAModelThatWaitsForItself() {
        assertThrows(InferenceException.class, () -> waits.begin("a", Set.of("ensemble", "a")));
        assertDoesNotThrow(() -> waits.begin("ensemble", Set.of("a")));
    }

    @Test
    void forgetsAWaitWhenItsLastCallHasEnded() {
        waits.begin("a", Set.of("b"));
        waits.begin("a", Set.of("b"));
        waits.end("a", Set.of("b"));
        assertThrows(InferenceException.class, () -> waits.begin("b", Set.of("a")));

        waits.end("a", Set.of("b"));

        assertDoesNotThrow(() -> waits.begin("b", Set.of("a")));
    }
}
