package dev.nereid.benchmark;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The processes that this one has started, and the end of them all. Threads: the one that measures, and the one that ends
 * an interrupted process; after {@link #close} no process can be added, so none is left behind.
 */
final class Children implements AutoCloseable {
    private static final long GRACE_SECONDS = 20;

    @GuardedBy("this")
    private final List<Process> running = new ArrayList<>();
    @GuardedBy("this")
    private boolean isClosed;
    @GuardedBy("this")
    private boolean isInterrupted;

    /** Starts a process. */
    @FunctionalInterface
    interface Start<E extends Exception> {
        Process start() throws E;
    }

    /** Starts a process that ends with this one. */
    synchronized <E extends Exception> Process start(Start<E> start) throws E {
        if (isClosed) {
            throw new BenchException("interrupted");
        }
        Process process = start.start();
        running.add(process);
        return process;
    }

    /** Ends a process, at last by force. */
    void end(Process process) {
        // Not the process's own method, which also closes the stream that the log is read from.
        process.toHandle().destroy();
        try {
            if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            running.remove(process);
        }
    }

    /** Ends the processes because this one is to end before it has measured all. */
    void interrupt() {
        synchronized (this) {
            isInterrupted = true;
        }
        close();
    }

    /** Returns whether the measurement was cut short. */
    synchronized boolean isInterrupted() {
        return isInterrupted;
    }

    @Override
    public void close() {
        List<Process> left;
        synchronized (this) {
            isClosed = true;
            left = List.copyOf(running);
        }
        left.forEach(process -> process.toHandle().destroy());
        left.reversed().forEach(this::end);
    }
}
