package dev.nereid.tools.tune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.tune.Candidates.Expected;
import dev.nereid.tools.tune.Candidates.Split;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class CandidatesTest {
    private static final Setting TODAY = new Setting(1, 0, 8, false, 0);
    /** A second instance makes both half as fast again. */
    private static final Map<Split, ExecutionCurve> CURVES = Map.of(
            new Split(1, 4), new ExecutionCurve(Map.of(1, 0.002, 8, 0.004)),
            new Split(2, 2), new ExecutionCurve(Map.of(1, 0.003, 8, 0.006)));

    private static Candidates candidates(OptionalDouble rate) {
        return new Candidates(TODAY, CURVES, new Goal(Duration.ofMillis(40), rate));
    }

    @Test
    void coresAreDividedEvenly() {
        assertEquals(List.of(new Split(1, 6), new Split(2, 3), new Split(3, 2), new Split(6, 1)),
                Candidates.splits(6, true));
        assertEquals(List.of(new Split(1, 0), new Split(2, 0)), Candidates.splits(2, false));
        assertEquals(List.of(new Split(1, 1)), Candidates.splits(1, true));
    }

    @Test
    void sizesArePowersOfTwoAndTheLargest() {
        assertEquals(List.of(1, 2, 4, 6), Candidates.sizes(6));
        assertEquals(List.of(1), Candidates.sizes(0));
        assertEquals(List.of(1, 2, 4, 8), Candidates.sizes(8));
    }

    @Test
    void theMostPromisingComeFirst() {
        List<Expected> best = candidates(OptionalDouble.empty()).best(3);
        assertEquals(3, best.size());
        assertEquals(new Setting(2, 2, 8, true, 0), best.getFirst().setting());
        assertTrue(best.get(0).rate() > best.get(1).rate());
        assertEquals(best.size(), best.stream().map(each -> each.setting().instances() + " " + each.setting().maxBatch()
                + each.setting().batches()).distinct().count(), "they differ in more than the delay");
    }

    @Test
    void forARateTheSoonestAnswerComesFirst() {
        Expected best = candidates(OptionalDouble.of(50)).best(1).getFirst();
        assertEquals(1, best.setting().instances(), "one instance is faster, and 50 are few");
        assertEquals(0, best.setting().delayMicros());
    }

    @Test
    void whatChangesLessComesFirstWhereLittleIsToBeGained() {
        Map<Split, ExecutionCurve> flat = Map.of(new Split(1, 4),
                new ExecutionCurve(Map.of(1, 0.001, 4, 0.00399, 8, 0.008, 16, 0.016)));
        Candidates candidates = new Candidates(new Setting(1, 4, 16, false, 0), flat,
                new Goal(Duration.ofMillis(200), OptionalDouble.empty()));
        assertTrue(candidates.ranked().stream().limit(2).noneMatch(each -> each.setting().maxBatch() < 16),
                candidates.ranked().toString());
    }

    @Test
    void todaysSettingIsNoCandidate() {
        Candidates candidates = new Candidates(new Setting(2, 2, 8, true, 0), CURVES,
                new Goal(Duration.ofMillis(40), OptionalDouble.empty()));
        assertFalse(candidates.best(100).stream().map(Expected::setting)
                .anyMatch(each -> each.equals(new Setting(2, 2, 8, true, 0))));
        assertTrue(candidates.knows(new Setting(2, 2, 8, true, 1000)));
        assertFalse(candidates.knows(new Setting(3, 2, 8, true, 1000)));
    }
}
