package dev.nereid.server.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.stats.BatchTimes;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.server.console.VersionFigures.Point;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class VersionFiguresTest {
    private static final BatchTimes TIMES = new BatchTimes(0, 1, 2, 3);

    private final ModelStatistics statistics = new ModelStatistics(List.of(), false, true);
    private final VersionFigures figures = new VersionFigures(statistics, 0);
    private long now;

    /** Requests of that latency, answered from a cache, which need no record of a request. */
    private void answer(int requests, long micros) {
        for (int i = 0; i < requests; i++) {
            statistics.recordCacheHit(TimeUnit.MICROSECONDS.toNanos(micros), 0);
        }
    }

    private Point second() {
        now += TimeUnit.SECONDS.toNanos(1);
        return figures.sample(now, TimeUnit.NANOSECONDS.toMillis(now), 3, 1);
    }

    @Test
    void ratesAreThoseOfTheLastSecond() {
        answer(40, 100);
        statistics.recordFailure(FailureReason.BACKEND, 1);
        statistics.recordFailure(FailureReason.REJECTED, 1);
        Point first = second();
        Point second = second();

        assertEquals(40, first.rate(), 1e-9);
        assertEquals(2, first.failureRate(), 1e-9);
        assertEquals(0, second.rate());
        assertEquals(0, second.failureRate());
        assertEquals(3, second.queued());
        assertEquals(1, second.busy());
    }

    @Test
    void percentilesAreThoseOfTheLastTenSeconds() {
        answer(1000, 10);
        assertEquals(10, second().p99Micros());
        answer(1, 5000);
        assertEquals(10, second().p50Micros());
        for (int i = 0; i < 8; i++) {
            assertEquals(10, second().p50Micros());
        }
        Point later = second();
        assertEquals(5000, later.p50Micros(), 300);
        assertTrue(Double.isNaN(second().p50Micros()), "nothing was answered in the last ten seconds");
    }

    @Test
    void theMeanBatchIsThatOfTheExecutions() {
        assertTrue(Double.isNaN(second().batch()));
        statistics.recordBatch(4, TIMES, 1);
        statistics.recordBatch(2, TIMES, 1);
        assertEquals(0, second().batch(), "no request has been answered yet");
    }

    @Test
    void keepsFiveMinutes() {
        for (int i = 0; i < 400; i++) {
            second();
        }
        assertEquals(300, figures.points().size());
        assertEquals(400_000, figures.points().getLast().millis());
        assertFalse(figures.areOf(new ModelStatistics()));
        assertTrue(figures.areOf(statistics));
    }
}
