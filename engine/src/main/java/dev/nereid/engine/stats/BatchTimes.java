package dev.nereid.engine.stats;

/**
 * The moments of one execution, in nanoseconds of one monotonic clock.
 *
 * @param computeStart the instance took the batch
 * @param inputEnd the inputs were gathered
 * @param outputStart the computation had ended
 * @param computeEnd the outputs were written
 */
public record BatchTimes(long computeStart, long inputEnd, long outputStart, long computeEnd) {
    /** Returns the time to gather inputs. */
    public long inputNanos() {
        return inputEnd - computeStart;
    }

    /** Returns the time to compute. */
    public long inferNanos() {
        return outputStart - inputEnd;
    }

    /** Returns the time to write outputs. */
    public long outputNanos() {
        return computeEnd - outputStart;
    }
}
