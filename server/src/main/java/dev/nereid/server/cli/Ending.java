package dev.nereid.server.cli;

import dev.nereid.server.NereidServer;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * How the process ends when it is asked to, by Ctrl-C or SIGTERM: the server is closed in order, and the status is 0, or 1
 * where the time for that was not enough. The JDK alone would end with 128 and the signal's number.
 *
 * <p>Not Helidon's own hook: what must be stopped, and in which order, is known here.
 */
final class Ending {
    private static final Logger LOGGER = System.getLogger(Ending.class.getName());

    private final LogSetup logs;
    private final ReadyFile readyFile;
    private final Thread hook = Thread.ofPlatform().name("nereid-shutdown").unstarted(this::end);
    private final AtomicReference<@Nullable NereidServer> server = new AtomicReference<>();
    private final CountDownLatch ended = new CountDownLatch(1);

    private Ending(LogSetup logs, ReadyFile readyFile) {
        this.logs = logs;
        this.readyFile = readyFile;
    }

    /** Looks out for signals from now on. */
    static Ending install(LogSetup logs, ReadyFile readyFile) {
        Ending ending = new Ending(logs, readyFile);
        Runtime.getRuntime().addShutdownHook(ending.hook);
        return ending;
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

    private void end() {
        readyFile.remove();
        NereidServer running = server.get();
        if (running == null) {
            // Models are being loaded; native code can't be interrupted, and no request waits for anything.
            LOGGER.log(Level.INFO, "Asked to end while starting: ending at once");
            logs.close();
            return;
        }
        LOGGER.log(Level.INFO, "Asked to end: running requests are finished, then models are unloaded");
        boolean inTime = running.closeInTime();
        if (inTime) {
            LOGGER.log(Level.INFO, "Ended");
        }
        logs.close();
        ended.countDown();
        // All that has to be closed is closed; only so the status can be chosen here.
        Runtime.getRuntime().halt(inTime ? 0 : 1);
    }
}
