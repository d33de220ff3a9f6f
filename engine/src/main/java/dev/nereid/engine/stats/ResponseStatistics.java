package dev.nereid.engine.stats;

/**
 * What the responses of one index have taken, over all requests of a decoupled model: the first ones, the second ones
 * and so on. Threads: any; recording takes no lock.
 */
public final class ResponseStatistics {
    private final DurationCounter computeInfer = new DurationCounter();
    private final DurationCounter computeOutput = new DurationCounter();
    private final DurationCounter success = new DurationCounter();
    private final DurationCounter fail = new DurationCounter();
    private final DurationCounter empty = new DurationCounter();
    private final DurationCounter cancel = new DurationCounter();

    /** Records a response: the time until its first output was begun, and from there until it was sent. */
    void recordSuccess(long inferNanos, long outputNanos) {
        computeInfer.add(inferNanos);
        computeOutput.add(outputNanos);
        success.add(inferNanos + outputNanos);
    }

    /** Records an error in place of a response. */
    void recordFailure(long nanos) {
        computeInfer.add(nanos);
        fail.add(nanos);
    }

    /** Records an end without a response. */
    void recordEmpty(long nanos) {
        computeInfer.add(nanos);
        empty.add(nanos);
    }

    /** Records that the request was cancelled in place of a response. */
    void recordCancel(long nanos) {
        cancel.add(nanos);
    }

    /** Returns the time until outputs were begun. */
    public DurationCounter computeInfer() {
        return computeInfer;
    }

    /** Returns the time that outputs took to write. */
    public DurationCounter computeOutput() {
        return computeOutput;
    }

    /** Returns the responses that were sent. */
    public DurationCounter success() {
        return success;
    }

    /** Returns the errors in place of a response. */
    public DurationCounter fail() {
        return fail;
    }

    /** Returns the ends without a response. */
    public DurationCounter empty() {
        return empty;
    }

    /** Returns the cancellations in place of a response. */
    public DurationCounter cancel() {
        return cancel;
    }
}
