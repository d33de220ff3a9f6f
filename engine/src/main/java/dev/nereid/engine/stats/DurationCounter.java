package dev.nereid.engine.stats;

import java.util.concurrent.atomic.LongAdder;

/** How often something happened and how long it took in sum. Threads: any; no lock. */
public final class DurationCounter {
    private final LongAdder count = new LongAdder();
    private final LongAdder nanos = new LongAdder();
    private final LongAdder micros = new LongAdder();

    /** Adds one event. */
    public void add(long durationNanos) {
        count.increment();
        nanos.add(durationNanos);
        // The metrics truncate each request to whole microseconds before adding (metrics-and-statistics, 1.2).
        micros.add(durationNanos / 1000);
    }

    /** Returns the number of events. */
    public long count() {
        return count.sum();
    }

    /** Returns the sum in nanoseconds. */
    public long nanos() {
        return nanos.sum();
    }

    /** Returns the sum of the events' whole microseconds. */
    public long micros() {
        return micros.sum();
    }
}
