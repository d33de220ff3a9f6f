package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

final class TurnTest {
    @Test
    void readsWhatALoadGeneratorMeasured() {
        Turn turn = Turn.parse("ok\t900\t500\t3\t250000000\t70500\t2000000\t9000000\tthe server answered 503");

        assertEquals(new Turn(900, 500, 3, 2000, 70.5, 2000, "the server answered 503", OptionalDouble.empty()), turn);
    }

    @Test
    void sharesProcessorTimeAmongAllThatWasAnswered() {
        Turn turn = Turn.parse("ok\t1000\t500\t0\t250000000\t1\t1\t1\t").withCpuSeconds(0.05);

        assertEquals(50, turn.cpuMicros().orElseThrow(), 1e-9);
    }

    @Test
    void hasNoProcessorTimeWhereNothingWasAnswered() {
        assertTrue(Turn.parse("ok\t0\t0\t0\t1\t0\t0\t0\t").withCpuSeconds(1).cpuMicros().isEmpty());
    }

    @Test
    void passesOnWhatWentWrong() {
        assertEquals("the load generator failed: can't connect",
                assertThrows(BenchException.class, () -> Turn.parse("error\tcan't connect")).getMessage());
        assertEquals("the load generator answered 'hello'",
                assertThrows(BenchException.class, () -> Turn.parse("hello")).getMessage());
    }
}
