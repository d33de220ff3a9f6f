package dev.nereid.tools.perf;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Time as the open loop sees it. */
interface LoadClock {
    /** Returns the time in nanoseconds, counted from an arbitrary point. */
    long nanoTime();

    /** Waits until that time, or until {@code isOver} says so; the thread must then be interrupted to take notice. */
    void waitUntil(long nanoTime, BooleanSupplier isOver);

    /** The time of the machine. */
    LoadClock SYSTEM = new LoadClock() {
        // A parked thread wakes up to about this much late, so the last bit is waited for awake.
        private static final long TIMER_SLACK_NANOS = 60_000;

        @Override
        public long nanoTime() {
            return System.nanoTime();
        }

        @Override
        public void waitUntil(long nanoTime, BooleanSupplier isOver) {
            long left = nanoTime - System.nanoTime();
            while (left > 0 && !isOver.getAsBoolean()) {
                if (left > TIMER_SLACK_NANOS) {
                    LockSupport.parkNanos(left - TIMER_SLACK_NANOS);
                } else {
                    Thread.onSpinWait();
                }
                left = nanoTime - System.nanoTime();
            }
        }
    };
}
