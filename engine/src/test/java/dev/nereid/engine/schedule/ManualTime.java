package dev.nereid.engine.schedule;

import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/** Time that a test drives by hand: a clock, and alarms that ring when the clock passes them. */
final class ManualTime implements LongSupplier, Wakeups, InstantSource {
    private final AtomicLong nanos;
    private Runnable action = () -> {
    };
    private volatile long due = RequestQueue.NEVER;
    private final AtomicInteger rings = new AtomicInteger();

    ManualTime() {
        this(1_000_000_000L);
    }

    ManualTime(long startNanos) {
        nanos = new AtomicLong(startNanos);
    }

    @Override
    public long getAsLong() {
        return nanos.get();
    }

    @Override
    public Instant instant() {
        return Instant.ofEpochMilli(nanos.get() / 1_000_000);
    }

    @Override
    public Alarm alarm(Runnable newAction) {
        action = newAction;
        return new Alarm() {
            @Override
            public void set(long at) {
                due = at;
            }

            @Override
            public void rang() {
                due = RequestQueue.NEVER;
            }
        };
    }

    /** Returns when the alarm is to ring. */
    long due() {
        return due;
    }

    int rings() {
        return rings.get();
    }

    /** Moves the clock on, ringing the alarm when its time has come. */
    void advanceMicros(long micros) {
        long target = nanos.addAndGet(micros * 1000);
        if (due <= target) {
            rings.incrementAndGet();
            due = RequestQueue.NEVER;
            action.run();
        }
    }
}
