package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

final class ScheduleTest {
    /** A clock that stands still but for those who wait. */
    private static final class HandClock implements LoadClock {
        private long now = 5000;
        private final List<Long> waits = new ArrayList<>();

        @Override
        public long nanoTime() {
            return now;
        }

        @Override
        public void waitUntil(long nanoTime, BooleanSupplier isOver) {
            waits.add(Math.max(0, nanoTime - now));
            now = Math.max(now, nanoTime);
        }
    }

    private static List<Long> first(ArrivalSchedule schedule, int count) {
        return LongStream.range(0, count).map(i -> schedule.next()).boxed().toList();
    }

    @Test
    void spacesRequestsEvenly() {
        assertEquals(List.of(0L, 333_333_333L, 666_666_667L, 1_000_000_000L), first(ArrivalSchedule.constant(3), 4));
    }

    @Test
    void spacesRequestsByChanceButTheSameForASeed() {
        List<Long> times = first(ArrivalSchedule.poisson(1000, 42), 20_000);

        assertEquals(times, first(ArrivalSchedule.poisson(1000, 42), 20_000));
        assertTrue(!times.equals(first(ArrivalSchedule.poisson(1000, 43), 20_000)));
        // The mean gap is a millisecond, and so is its deviation: gaps of less than that are 1 - 1/e of all.
        assertEquals(1e6, times.getLast() / 20_000.0, 3e4);
        long small = LongStream.range(1, times.size())
                .filter(i -> times.get((int) i) - times.get((int) i - 1) < 1_000_000).count();
        assertEquals(1 - 1 / Math.E, small / 20_000.0, 0.01);
    }

    @Test
    void waitsUntilARequestIsDue() {
        HandClock clock = new HandClock();
        Pacer pacer = new Pacer(ArrivalSchedule.constant(1e9 / 100), clock, () -> false);

        assertEquals(List.of(5000L, 5100L, 5200L), List.of(pacer.awaitNext(), pacer.awaitNext(), pacer.awaitNext()));
        assertEquals(List.of(0L, 100L, 100L), clock.waits);
    }

    @Test
    void keepsToTheScheduleWhenItIsLate() {
        HandClock clock = new HandClock();
        Pacer pacer = new Pacer(ArrivalSchedule.constant(1e9 / 100), clock, () -> false);
        pacer.awaitNext();

        clock.now += 250;

        // Those that were missed follow at once, counted from when they were due.
        assertEquals(List.of(5100L, 5200L, 5300L), List.of(pacer.awaitNext(), pacer.awaitNext(), pacer.awaitNext()));
        assertEquals(List.of(0L, 0L, 0L, 50L), clock.waits);
    }
}
