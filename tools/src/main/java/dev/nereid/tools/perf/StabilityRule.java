package dev.nereid.tools.perf;

import java.util.List;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/**
 * Says when a measurement can end: once throughput and latency of the last windows are all within a margin of their
 * mean.
 *
 * @param percent the margin
 * @param percentile the latency that is looked at; the mean latency where there is none
 */
record StabilityRule(double percent, OptionalDouble percentile) {
    /** How many windows in a row must agree. */
    static final int WINDOWS = 3;

    /** Returns whether the last windows agree. */
    boolean isStable(List<Window> windows) {
        if (windows.size() < WINDOWS) {
            return false;
        }
        List<Window> last = last(windows);
        return agree(last, Window::requestsPerSecond) && agree(last, this::latencyMicros);
    }

    /** Returns the windows that a result is made of. */
    static List<Window> last(List<Window> windows) {
        return windows.subList(Math.max(0, windows.size() - WINDOWS), windows.size());
    }

    private double latencyMicros(Window window) {
        return percentile.isPresent() ? window.percentileMicros(percentile.getAsDouble()) : window.meanMicros();
    }

    private boolean agree(List<Window> windows, ToDoubleFunction<Window> figure) {
        double mean = windows.stream().mapToDouble(figure).average().orElse(0);
        return mean > 0
                && windows.stream().mapToDouble(figure).allMatch(each -> Math.abs(each - mean) <= mean * percent / 100);
    }
}
