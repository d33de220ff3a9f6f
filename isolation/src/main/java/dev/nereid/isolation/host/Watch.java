package dev.nereid.isolation.host;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * Looks at all worker processes again and again: hands on which requests are cancelled, and ends what makes no progress or
 * takes too much memory. One thread, which looks more often while there are requests.
 */
final class Watch implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Watch.class.getName());
    private static final Duration BUSY = Duration.ofMillis(10);
    private static final Duration IDLE = Duration.ofMillis(50);
    private static final Duration MEMORY = Duration.ofMillis(200);

    private final Set<WorkerProcess> processes;
    private final Thread thread;
    private volatile boolean isClosed;

    private Watch(Set<WorkerProcess> processes) {
        this.processes = processes;
        this.thread = Thread.ofPlatform().name("nereid-worker-watch").daemon(true).unstarted(this::loop);
    }

    static Watch start(Set<WorkerProcess> processes) {
        Watch watch = new Watch(processes);
        watch.thread.start();
        return watch;
    }

    private void loop() {
        long lookedAtMemory = System.nanoTime();
        while (!isClosed) {
            boolean isBusy = false;
            long now = System.nanoTime();
            boolean isMemoryDue = now - lookedAtMemory >= MEMORY.toNanos();
            for (WorkerProcess process : processes) {
                isBusy |= process.isBusy();
                look(process, now, isMemoryDue);
            }
            lookedAtMemory = isMemoryDue ? now : lookedAtMemory;
            LockSupport.parkNanos((isBusy ? BUSY : IDLE).toNanos());
        }
    }

    private static void look(WorkerProcess process, long now, boolean isMemoryDue) {
        try {
            process.look(now);
            if (isMemoryDue) {
                process.lookAtMemory();
            }
        } catch (RuntimeException e) {
            // The others are to be looked at all the same.
            LOGGER.log(Level.ERROR, process.who() + ": process " + process.pid() + " can't be looked at", e);
        }
    }

    @Override
    public void close() {
        isClosed = true;
        LockSupport.unpark(thread);
    }
}
