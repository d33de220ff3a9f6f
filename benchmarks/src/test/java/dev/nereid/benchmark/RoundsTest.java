package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

final class RoundsTest {
    /** Returns rounds of these rates; latencies follow from them. */
    static Rounds rounds(double... rates) {
        return new Rounds(Arrays.stream(rates)
                .mapToObj(rate -> Turn.parse("ok\t1000\t" + Math.round(rate) + "\t0\t1000000000\t"
                        + Math.round(1e9 / rate) + "\t" + Math.round(3e9 / rate) + "\t0\t"))
                .toList());
    }

    @Test
    void takesTheMiddle() {
        assertEquals(3, Rounds.median(9, 1, 3));
        assertEquals(2.5, Rounds.median(4, 1, 2, 3));
        assertEquals(7, Rounds.median(7));
    }

    @Test
    void leavesOutWhatWasNotMeasured() {
        assertEquals(2, Rounds.median(Double.NaN, 2, 1, 3));
        assertTrue(Double.isNaN(Rounds.median()));
        assertTrue(Double.isNaN(Rounds.median(Double.NaN)));
    }

    @Test
    void comparesRoundByRound() {
        // The machine was slow in the second round, for both.
        Rounds server = rounds(500, 50, 600);
        Rounds handler = rounds(1000, 100, 1000);

        assertArrayEquals(new double[]{0.5, 0.5, 0.6}, server.ratios(handler, Turn::requestsPerSecond), 1e-9);
        assertEquals(0.5, server.ratio(handler, Turn::requestsPerSecond), 1e-9);
        assertEquals(500, server.median(Turn::requestsPerSecond), 1e-9);
    }

    @Test
    void leavesOutRoundsThatOneSideDidNotTake() {
        assertArrayEquals(new double[]{2}, rounds(20, 30).ratios(rounds(10), Turn::requestsPerSecond), 1e-9);
    }

    @Test
    void hasNoRatioToNothing() {
        Rounds nothing = new Rounds(List.of(Turn.parse("ok\t0\t0\t0\t1000000000\t0\t0\t0\t")));

        assertTrue(Double.isNaN(rounds(10).ratio(nothing, Turn::requestsPerSecond)));
    }
}
