package dev.nereid.tools.perf;

import org.HdrHistogram.Histogram;

/**
 * What was measured of the responses to requests that may have several.
 *
 * @param first from the time a request was due to its first response, in nanoseconds; requests without any don't count
 * @param between from one response of a request to the next, in nanoseconds
 * @param responses how many there were
 */
record StreamTimes(Histogram first, Histogram between, long responses) {
    /** Returns a percentile of the time to the first response in microseconds. */
    double firstMicros(double percentile) {
        return first.getValueAtPercentile(percentile) / 1e3;
    }

    /** Returns a percentile of the time between responses in microseconds. */
    double betweenMicros(double percentile) {
        return between.getValueAtPercentile(percentile) / 1e3;
    }

    /** Returns both as one. */
    StreamTimes plus(StreamTimes other) {
        Histogram firsts = first.copy();
        firsts.add(other.first);
        Histogram betweens = between.copy();
        betweens.add(other.between);
        return new StreamTimes(firsts, betweens, responses + other.responses);
    }
}
