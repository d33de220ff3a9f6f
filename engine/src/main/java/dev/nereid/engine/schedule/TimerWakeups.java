package dev.nereid.engine.schedule;

import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Alarms of all schedulers on one thread. */
public final class TimerWakeups implements Wakeups, AutoCloseable {
    private final LongSupplier clock;
    private final ScheduledThreadPoolExecutor timer;

    /** Starts the thread. */
    public TimerWakeups(LongSupplier clock) {
        this.clock = clock;
        this.timer = new ScheduledThreadPoolExecutor(1,
                Thread.ofPlatform().name("nereid-queue-timer").daemon(true).factory());
        timer.setRemoveOnCancelPolicy(true);
        // An alarm that is set while the server stops would otherwise fail the request that set it.
        timer.setRejectedExecutionHandler(new ThreadPoolExecutor.DiscardPolicy());
    }

    @Override
    public Alarm alarm(Runnable action) {
        return new TimerAlarm(action);
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }

    private final class TimerAlarm implements Alarm {
        private final Runnable action;
        private long dueNanos = RequestQueue.NEVER;
        private @Nullable ScheduledFuture<?> pending;

        private TimerAlarm(Runnable action) {
            this.action = action;
        }

        @Override
        public void set(long nanos) {
            // A later time keeps the alarm as it is: to ring early does no harm, and queues move their next event on
            // with almost every request.
            boolean keeps = nanos != RequestQueue.NEVER && nanos >= dueNanos;
            if (keeps || nanos == dueNanos || timer.isShutdown()) {
                return;
            }
            rang();
            if (nanos != RequestQueue.NEVER) {
                dueNanos = nanos;
                pending = timer.schedule(action, Math.max(0, nanos - clock.getAsLong()), TimeUnit.NANOSECONDS);
            }
        }

        @Override
        public void rang() {
            ScheduledFuture<?> old = pending;
            if (old != null) {
                old.cancel(false);
            }
            pending = null;
            dueNanos = RequestQueue.NEVER;
        }
    }
}
