package dev.nereid.tools.perf;

import java.time.Duration;
import java.util.List;

/** Waits for the threads of a load. */
final class Threads {
    private Threads() {
    }

    /** Waits until all threads have ended, which their senders are made to do when they take too long. */
    static void end(List<Thread> threads, List<RequestSender> senders, long graceNanos) {
        long deadline = System.nanoTime() + graceNanos;
        boolean isInterrupted = false;
        for (Thread thread : threads) {
            isInterrupted |= !join(thread, deadline - System.nanoTime());
        }
        senders.forEach(RequestSender::close);
        for (Thread thread : threads) {
            isInterrupted |= !join(thread, graceNanos);
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean join(Thread thread, long nanos) {
        try {
            thread.join(Duration.ofNanos(Math.max(0, nanos)));
            return true;
        } catch (InterruptedException e) {
            return false;
        }
    }
}
