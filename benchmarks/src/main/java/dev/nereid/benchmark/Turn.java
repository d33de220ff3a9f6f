package dev.nereid.benchmark;

import java.util.OptionalDouble;

/**
 * What one turn of load measured.
 *
 * @param answered the requests that were answered in all, warm-up included
 * @param measured the requests that were measured
 * @param failures those that failed
 * @param requestsPerSecond the rate of those that did not
 * @param p50Micros the median latency
 * @param p99Micros the latency that one of a hundred requests passes
 * @param firstFailure what was wrong with the first that failed; empty for none
 * @param cpuMicros the processor time of the process that answered, for each request; where it was looked at
 */
record Turn(long answered, long measured, long failures, double requestsPerSecond, double p50Micros, double p99Micros,
        String firstFailure, OptionalDouble cpuMicros) {
    private static final int FIELDS = 9;

    /** Reads the line of a load generator. */
    static Turn parse(String line) {
        String[] fields = line.split("\t", -1);
        if (fields[0].equals("error") && fields.length == 2) {
            throw new BenchException("the load generator failed: " + fields[1]);
        }
        if (!fields[0].equals("ok") || fields.length != FIELDS) {
            throw new BenchException("the load generator answered '" + line + "'");
        }
        long nanos = Math.max(1, Long.parseLong(fields[4]));
        long measured = Long.parseLong(fields[2]);
        return new Turn(Long.parseLong(fields[1]), measured, Long.parseLong(fields[3]), measured * 1e9 / nanos,
                Long.parseLong(fields[5]) / 1e3, Long.parseLong(fields[6]) / 1e3, fields[8], OptionalDouble.empty());
    }

    /** Returns this turn with the processor time, in seconds, that the whole turn took. */
    Turn withCpuSeconds(double seconds) {
        return new Turn(answered, measured, failures, requestsPerSecond, p50Micros, p99Micros, firstFailure,
                answered == 0 ? OptionalDouble.empty() : OptionalDouble.of(seconds * 1e6 / answered));
    }
}
