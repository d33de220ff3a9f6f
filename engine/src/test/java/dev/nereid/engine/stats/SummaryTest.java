package dev.nereid.engine.stats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SummaryTest {
    private final AtomicLong now = new AtomicLong();
    private final Summary summary = new Summary(now::get);

    private void add(long micros) {
        summary.add(TimeUnit.MICROSECONDS.toNanos(micros));
    }

    @Test
    void quantilesAreCloseToTheValuesOfTheirRank() {
        for (int i = 1; i <= 10_000; i++) {
            add(i * 37L);
        }

        Summary.Values values = summary.values(List.of(0.0, 0.5, 0.9, 0.999, 1.0));

        assertEquals(10_000, values.count());
        assertEquals(37.0 * 10_000 * 10_001 / 2, values.sumMicros());
        List<Double> expected = List.of(37.0, 5_000 * 37.0, 9_000 * 37.0, 9_990 * 37.0, 10_000 * 37.0);
        for (int i = 0; i < expected.size(); i++) {
            assertEquals(expected.get(i), values.quantiles().get(i), expected.get(i) * 0.016);
        }
    }

    @Test
    void smallValuesAreExactAndHugeOnesDoNotFail() {
        add(0);
        add(63);
        summary.add(Long.MAX_VALUE);

        assertEquals(List.of(0.0, 63.0), summary.values(List.of(0.1, 0.5)).quantiles());
        assertEquals(3, summary.values(List.of(1.0)).count());
    }

    @Test
    void whatIsOlderThanAMinuteCountsNoMore() {
        add(10);
        now.addAndGet(TimeUnit.SECONDS.toNanos(40));
        add(20);

        assertEquals(List.of(10.0), summary.values(List.of(0.1)).quantiles());
        now.addAndGet(TimeUnit.SECONDS.toNanos(25));
        assertEquals(List.of(20.0), summary.values(List.of(0.1)).quantiles());
        now.addAndGet(TimeUnit.HOURS.toNanos(3));
        assertEquals(List.of(Double.NaN), summary.values(List.of(0.1)).quantiles());
        assertEquals(2, summary.values(List.of()).count());
    }
}
