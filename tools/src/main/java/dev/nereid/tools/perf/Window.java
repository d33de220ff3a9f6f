package dev.nereid.tools.perf;

import java.util.List;
import java.util.Optional;
import org.HdrHistogram.Histogram;

/**
 * What happened in a stretch of time.
 *
 * @param durationNanos how long it was
 * @param latencies of the requests that succeeded, in nanoseconds
 * @param delays between the time a request was due and the time it was sent, in nanoseconds
 * @param failures the requests that did not succeed
 * @param serverTimes what the server counted
 * @param streams what was measured of responses, where requests may have several
 */
record Window(long durationNanos, Histogram latencies, Histogram delays, long failures, ServerTimes serverTimes,
        Optional<StreamTimes> streams) {
    /** Returns several windows as one. */
    static Window merge(List<Window> windows) {
        Histogram latencies = new Histogram(3);
        Histogram delays = new Histogram(3);
        long duration = 0;
        long failures = 0;
        ServerTimes serverTimes = ServerTimes.ZERO;
        Optional<StreamTimes> streams = Optional.empty();
        for (Window window : windows) {
            latencies.add(window.latencies);
            delays.add(window.delays);
            duration += window.durationNanos;
            failures += window.failures;
            serverTimes = serverTimes.plus(window.serverTimes);
            Optional<StreamTimes> sum = streams;
            streams = sum.isEmpty() ? window.streams : window.streams.map(each -> sum.get().plus(each));
        }
        return new Window(duration, latencies, delays, failures, serverTimes, streams);
    }

    /** Returns the number of requests that succeeded. */
    long requests() {
        return latencies.getTotalCount();
    }

    /** Returns the successful requests of a second. */
    double requestsPerSecond() {
        return durationNanos <= 0 ? 0 : requests() * 1e9 / durationNanos;
    }

    /** Returns the responses of a second, where requests may have several. */
    double responsesPerSecond() {
        return durationNanos <= 0 ? 0 : streams.map(StreamTimes::responses).orElse(0L) * 1e9 / durationNanos;
    }

    /** Returns the mean latency in microseconds. */
    double meanMicros() {
        return requests() == 0 ? 0 : latencies.getMean() / 1e3;
    }

    /** Returns a percentile of the latency in microseconds. */
    double percentileMicros(double percentile) {
        return latencies.getValueAtPercentile(percentile) / 1e3;
    }
}
