package dev.nereid.server.console;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.engine.stats.DurationCounter;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.LatencyDistribution.Reading;
import dev.nereid.engine.stats.ModelStatistics;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * What one model version has done lately: each call of {@link #sample} adds a point. Threads: one samples, any reads the
 * points; the monitor guards them.
 */
final class VersionFigures {
    private static final int MAX_POINTS = 300;
    /** Percentiles are those of the requests of so many intervals: those of one would jump. */
    private static final int WINDOW = 10;
    private static final double SECOND_NANOS = 1e9;

    private final ModelStatistics statistics;
    private final Deque<Reading> readings = new ArrayDeque<>();
    private long lastNanos;
    private Counts last;
    @GuardedBy("this")
    private final Deque<Point> points = new ArrayDeque<>();

    private record Counts(long success, long failures, long inferences, long executions) {
        static Counts of(ModelStatistics statistics) {
            long failures = 0;
            for (FailureReason reason : FailureReason.values()) {
                failures += statistics.failures(reason).count();
            }
            return new Counts(statistics.success().count(), failures, statistics.inferenceCount(),
                    statistics.executionCount());
        }
    }

    /**
     * What happened in an interval, and how things were at its end.
     *
     * @param millis its end, in milliseconds since the epoch
     * @param rate successful requests a second
     * @param failureRate failed requests a second
     * @param p50Micros the median latency of the last ten intervals; not a number where there was no request
     * @param p90Micros the 90th percentile of them
     * @param p99Micros the 99th percentile of them
     * @param queued how many requests waited
     * @param busy how many instances were executing
     * @param batch inferences in an execution, on average; not a number where there was none
     */
    record Point(long millis, double rate, double failureRate, double p50Micros, double p90Micros, double p99Micros,
            long queued, int busy, double batch) {
    }

    /** Creates figures that begin now. */
    VersionFigures(ModelStatistics statistics, long nowNanos) {
        this.statistics = statistics;
        this.lastNanos = nowNanos;
        this.last = Counts.of(statistics);
        readings.addLast(reading(statistics));
    }

    private static Reading reading(ModelStatistics statistics) {
        return statistics.distribution().map(each -> each.read()).orElse(Reading.NONE);
    }

    /** Returns whether these are the figures of that version, and not of one that was there before. */
    boolean areOf(ModelStatistics other) {
        return statistics == other;
    }

    /**
     * Adds the point of the interval since the last call.
     *
     * @param queued how many requests wait now
     * @param busy how many instances are executing now
     */
    Point sample(long nowNanos, long nowMillis, long queued, int busy) {
        double seconds = Math.max(1, nowNanos - lastNanos) / SECOND_NANOS;
        Counts now = Counts.of(statistics);
        Reading newest = now.success() == last.success() ? readings.getLast() : reading(statistics);
        Reading oldest = readings.getFirst();
        long executions = now.executions() - last.executions();
        Point point = new Point(nowMillis, (now.success() - last.success()) / seconds,
                (now.failures() - last.failures()) / seconds, newest.percentileSince(oldest, 0.5),
                newest.percentileSince(oldest, 0.9), newest.percentileSince(oldest, 0.99), queued, busy,
                executions == 0 ? Double.NaN : (double) (now.inferences() - last.inferences()) / executions);
        readings.addLast(newest);
        if (readings.size() > WINDOW) {
            readings.removeFirst();
        }
        last = now;
        lastNanos = nowNanos;
        add(point);
        return point;
    }

    private synchronized void add(Point point) {
        points.addLast(point);
        if (points.size() > MAX_POINTS) {
            points.removeFirst();
        }
    }

    /** Returns the points of the last five minutes in which somebody looked. */
    synchronized List<Point> points() {
        return List.copyOf(points);
    }

    /** Returns the mean of a counter in microseconds; 0 where nothing was counted. */
    static double meanMicros(DurationCounter counter) {
        long count = counter.count();
        return count == 0 ? 0 : counter.nanos() / 1000.0 / count;
    }
}
