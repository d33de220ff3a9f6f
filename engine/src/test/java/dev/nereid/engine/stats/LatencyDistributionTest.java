package dev.nereid.engine.stats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.stats.LatencyDistribution.Reading;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LatencyDistributionTest {
    private final LatencyDistribution distribution = new LatencyDistribution();

    private void add(long micros) {
        distribution.add(TimeUnit.MICROSECONDS.toNanos(micros));
    }

    @Test
    void percentilesAreCloseToTheValuesOfTheirRank() {
        for (int i = 1; i <= 10_000; i++) {
            add(i * 37L);
        }

        for (double share : new double[]{0.01, 0.5, 0.9, 0.99, 1}) {
            double expected = share * 10_000 * 37;
            assertEquals(expected, distribution.read().percentileSince(Reading.NONE, share), expected * 0.07);
        }
    }

    @Test
    void tellsOfTheTimeBetweenTwoReadingsOnly() {
        for (int i = 0; i < 1000; i++) {
            add(5);
        }
        Reading before = distribution.read();
        add(9_000_000);
        Reading after = distribution.read();

        assertEquals(1, after.countSince(before));
        assertEquals(9_000_000, after.percentileSince(before, 0.01), 600_000);
        assertEquals(5, after.percentileSince(Reading.NONE, 0.5));
        assertTrue(Double.isNaN(after.percentileSince(after, 0.5)), "there was nothing in between");
    }

    @Test
    void nothingIsTooLongOrTooShort() {
        distribution.add(-1);
        distribution.add(Long.MAX_VALUE);

        assertEquals(2, distribution.read().countSince(Reading.NONE));
        assertEquals(0, distribution.read().percentileSince(Reading.NONE, 0.5));
    }

    @Test
    void isKeptOnRequestAndTakesAllSuccesses() {
        assertEquals(true, new ModelStatistics(List.of(), false).distribution().isEmpty());
        ModelStatistics statistics = new ModelStatistics(List.of(), false, true);
        statistics.recordCacheHit(2_000_000, 1);
        statistics.recordSuccess(1, 4_000_000, 0, new BatchTimes(0, 0, 0, 0));
        statistics.recordFailure(FailureReason.BACKEND, 1);

        assertEquals(2, statistics.distribution().orElseThrow().read().countSince(Reading.NONE));
    }
}
