package dev.nereid.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Looks whether the process gets the threads that a start takes. Without them some part of a server would wait for ever
 * for work that nobody does.
 */
final class StartThreads {
    private static final int BESIDES_CARRIERS = 16;

    private StartThreads() {
    }

    /**
     * Starts as many threads as a server without models, and lets them end.
     *
     * @throws OutOfMemoryError when one can't be started
     */
    static void check() {
        int count = Runtime.getRuntime().availableProcessors() + BESIDES_CARRIERS;
        List<Thread> threads = new ArrayList<>(count);
        try {
            for (int i = 0; i < count; i++) {
                threads.add(Thread.ofPlatform().daemon(true).start(StartThreads::waitForEnd));
            }
        } finally {
            threads.forEach(Thread::interrupt);
        }
    }

    private static void waitForEnd() {
        while (!Thread.currentThread().isInterrupted()) {
            LockSupport.park();
        }
    }

    /** Returns what is to be told about an error that ended the start. */
    static String text(VirtualMachineError error) {
        String message = String.valueOf(error.getMessage());
        if (message.contains("native thread")) {
            return "the system gives this process no more threads; raise the limit of processes (ulimit -u), or that of "
                    + "the container (pids), or the memory that the process may have";
        }
        return "the Java heap of " + (Runtime.getRuntime().maxMemory() >> 20) + " MiB is not enough for the start ("
                + message + "); raise it by -Xmx in NEREID_JAVA_OPTIONS";
    }
}
