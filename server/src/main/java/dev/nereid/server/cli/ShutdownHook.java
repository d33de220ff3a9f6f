package dev.nereid.server.cli;

import dev.nereid.server.NereidServer;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * How the process ends when it is asked to, by Ctrl-C or SIGTERM: the server is closed in order, and the status is 0, or 1
 * where the time for that was not enough. The JDK alone would end with 128 and the signal's number.
 *
 * <p>Not Helidon's own hook: what must be stopped, and in which order, is known here.
 *
 * <p>Threads: the hook closes the server. Another one, which is there from the start and needs no memory, ends the process
 * when the time is over, whatever the hook waits for.
 */
final class ShutdownHook {
    private static final Logger LOGGER = System.getLogger(ShutdownHook.class.getName());
    /** What the last steps may take after the exit timeout. */
    private static final Duration MARGIN = Duration.ofMillis(500);
    private static final int RESERVE_BYTES = 2 << 20;

    private final LogSetup logs;
    private final ReadyFile readyFile;
    private final long nanosToEnd;
    private final Thread hook = Thread.ofPlatform().name("nereid-shutdown").unstarted(this::end);
    private final Thread deadline = Thread.ofPlatform().name("nereid-deadline").daemon(true)
            .unstarted(this::haltInTime);
    private final AtomicReference<@Nullable NereidServer> server = new AtomicReference<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    /** Given back to the heap at the end, which then has room for what closing takes. */
    @SuppressWarnings("UnusedVariable") // It is there to be given up.
    private volatile byte @Nullable [] reserve = new byte[RESERVE_BYTES];
    private volatile boolean isEnding;
    private volatile long endNanos;
    private volatile boolean hasFailed;

    private ShutdownHook(LogSetup logs, ReadyFile readyFile, Duration exitTimeout) {
        this.logs = logs;
        this.readyFile = readyFile;
        this.nanosToEnd = exitTimeout.plus(MARGIN).toNanos();
    }

    /**
     * Looks out for signals from now on.
     *
     * @param readyFile deleted at the end
     * @param exitTimeout how long closing the server may take, grace period included
     */
    static ShutdownHook install(LogSetup logs, ReadyFile readyFile, Duration exitTimeout) {
        ShutdownHook shutdown = new ShutdownHook(logs, readyFile, exitTimeout);
        shutdown.deadline.start();
        Runtime.getRuntime().addShutdownHook(shutdown.hook);
        return shutdown;
    }

    /** Says what is to be closed. */
    void serve(NereidServer started) {
        server.set(started);
    }

    /** Says that there is nothing to close: the start failed. */
    void failed() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            LOGGER.log(Level.DEBUG, "asked to end while the start failed", e);
        }
    }

    /** Ends the process with status 1, after what can be closed in time. */
    void endFailed(String reason) {
        hasFailed = true;
        startDeadline();
        LOGGER.log(Level.ERROR, "Ending: " + reason);
        System.exit(1);
    }

    /** Waits, without end where nobody asks for one. */
    void await() {
        boolean interrupted = false;
        while (ended.getCount() > 0) {
            try {
                ended.await();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void startDeadline() {
        reserve = null;
        endNanos = System.nanoTime() + nanosToEnd;
        isEnding = true;
        LockSupport.unpark(deadline);
    }

    private void haltInTime() {
        while (!isEnding) {
            LockSupport.park(this);
        }
        for (long left = nanosToEnd; left > 0; left = endNanos - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
        Runtime.getRuntime().halt(1);
    }

    private void end() {
        startDeadline();
        readyFile.remove();
        int status = 1;
        try {
            status = close() && !hasFailed ? 0 : 1;
            logs.close();
        } finally {
            ended.countDown();
            // All that has to be closed is closed; only so the status can be chosen here.
            Runtime.getRuntime().halt(status);
        }
    }

    private boolean close() {
        NereidServer running = server.get();
        if (running == null) {
            // Models are being loaded; native code can't be interrupted, and no request waits for anything.
            LOGGER.log(Level.INFO, "Asked to end while starting: ending at once");
            return true;
        }
        LOGGER.log(Level.INFO, "Asked to end: running requests are finished, then models are unloaded");
        boolean inTime = running.closeInTime();
        if (inTime) {
            LOGGER.log(Level.INFO, "Ended");
        }
        return inTime;
    }
}
