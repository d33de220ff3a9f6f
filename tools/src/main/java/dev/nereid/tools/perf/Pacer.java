package dev.nereid.tools.perf;

import java.util.function.BooleanSupplier;

/** Hands out the arrivals of a schedule, each when it is due or, if that has passed, at once. For one thread at a time. */
final class Pacer {
    private final ArrivalSchedule schedule;
    private final LoadClock clock;
    private final BooleanSupplier isOver;
    private final long start;

    Pacer(ArrivalSchedule schedule, LoadClock clock, BooleanSupplier isOver) {
        this.schedule = schedule;
        this.clock = clock;
        this.isOver = isOver;
        this.start = clock.nanoTime();
    }

    /** Waits for the next arrival and returns when it was due, however late it is by now. */
    long awaitNext() {
        long due = start + schedule.next();
        clock.waitUntil(due, isOver);
        return due;
    }
}
