package dev.nereid.engine;

/** Stands for a request that was submitted. Threads: any. */
public interface Ticket {
    /**
     * Says that nobody waits for the answer any more. A request that still waits is dropped and ends with CANCELLED; one
     * that is being executed is told to its backend, and ends when that is done with it. Its end is told in each case.
     * Further calls, and calls after the end, do nothing.
     */
    void cancel();
}
