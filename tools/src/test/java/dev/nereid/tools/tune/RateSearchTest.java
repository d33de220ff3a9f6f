package dev.nereid.tools.tune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The search for the highest rate that a server keeps, which here is 100 requests a second. */
final class RateSearchTest {
    private static final double GOAL = 0.02;

    private final List<Double> tried = new ArrayList<>();

    private Measurement.Load load(double rate) {
        tried.add(rate);
        double p99 = rate > 300 ? Double.POSITIVE_INFINITY : rate > 100 ? 2 * GOAL : GOAL / 2;
        return new Measurement.Load(rate, 1000, GOAL / 4, p99, 0);
    }

    private Optional<Double> search(double guess, int tries) {
        return new RateSearch(this::load, GOAL, tries, () -> false).run(guess).map(Measurement.Load::rate);
    }

    @Test
    void findsTheRateFromBelowAndFromAbove() {
        for (double guess : new double[]{20, 90, 150, 1000}) {
            double found = search(guess, 40).orElseThrow();
            assertTrue(found > 95 && found <= 100, guess + ": " + found);
        }
    }

    @Test
    void triesAMissOnceMoreUnlessItIsClear() {
        assertEquals(Optional.empty(), search(200, 2));
        assertEquals(List.of(200.0, 200.0), tried);
        tried.clear();

        assertEquals(Optional.empty(), search(400, 1));
        assertEquals(List.of(400.0), tried);
    }

    @Test
    void endsWithWhatIsKnownWhenTheTimeIsUp() {
        AtomicLong now = new AtomicLong();
        Budget budget = new Budget(Duration.ofNanos(100), now::get).part(0.5);
        RateSearch search = new RateSearch(rate -> {
            now.addAndGet(30);
            return load(rate);
        }, GOAL, 40, budget::isSpent);

        assertEquals(26.0, search.run(20).orElseThrow().rate());
        assertEquals(List.of(20.0, 26.0), tried);
        assertTrue(budget.isSpent());
    }

    @Test
    void findsARateThatIsKeptThoughTheTimeIsUp() {
        assertTrue(new RateSearch(this::load, GOAL, 40, () -> true).run(200).orElseThrow().rate() <= 100);
        assertEquals(3, tried.size(), "without trying a miss once more: " + tried);
    }
}
