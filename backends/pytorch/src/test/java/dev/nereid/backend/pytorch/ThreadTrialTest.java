package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class ThreadTrialTest {
    private static final long MILLISECOND = 1_000_000;

    private static int fastest(int most, Map<Integer, Long> nanos) {
        return ThreadTrial.fastest(most, nanos::get);
    }

    @Test
    void takesFewerWhereTheyAreFaster() {
        assertEquals(1, fastest(2, Map.of(2, 36 * MILLISECOND, 1, 30 * MILLISECOND)));
        assertEquals(4, fastest(16, Map.of(16, 40 * MILLISECOND, 8, 20 * MILLISECOND, 4, 15 * MILLISECOND, 2,
                17 * MILLISECOND, 1, 30 * MILLISECOND)));
        assertEquals(3, fastest(6, Map.of(6, 40 * MILLISECOND, 3, 15 * MILLISECOND, 1, 17 * MILLISECOND)));
    }

    @Test
    void keepsAllWhereFewerAreHardlyFaster() {
        assertEquals(2, fastest(2, Map.of(2, 32 * MILLISECOND, 1, 30 * MILLISECOND)));
        assertEquals(2, fastest(2, Map.of(2, 20 * MILLISECOND, 1, 30 * MILLISECOND)));
    }

    @Test
    void letsTheBestTurnOfEachCount() {
        List<Integer> turns = new ArrayList<>();

        int chosen = ThreadTrial.fastest(2, count -> {
            turns.add(count);
            // The machine is busy with something else, except for two turns.
            return turns.size() == 4 ? 20 * MILLISECOND : turns.size() == 5 ? 30 * MILLISECOND : 90 * MILLISECOND;
        });

        assertEquals(List.of(2, 2, 1, 2, 1, 2, 1), turns);
        assertEquals(2, chosen);
    }

    @Test
    void triesNothingWhereItCanTellNothing() {
        assertEquals(2, fastest(2, Map.of(2, ThreadTrial.SHORTEST_NANOS - 1)));
        assertEquals(1, fastest(1, Map.of(1, 30 * MILLISECOND)));
    }

    @Test
    void doesNotHoldUpTheLoadOfASlowModel() {
        assertEquals(2, fastest(2, Map.of(2, ThreadTrial.LONGEST_TRIAL_NANOS / 6 + 1)));
    }
}
