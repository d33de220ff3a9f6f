package dev.nereid.tools.tune;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** How long an execution takes by its number of rows: what was measured, and straight lines in between. Immutable. */
final class ExecutionCurve {
    private final NavigableMap<Integer, Double> seconds;

    /** Creates a curve of at least one measured point. */
    ExecutionCurve(Map<Integer, Double> seconds) {
        if (seconds.isEmpty()) {
            throw new IllegalArgumentException("a curve has at least one point");
        }
        this.seconds = new TreeMap<>(seconds);
    }

    /** Returns what was measured, in seconds by rows, ascending. */
    Map<Integer, Double> points() {
        return seconds;
    }

    /** Returns the most rows that were measured. */
    int largest() {
        return seconds.lastKey();
    }

    /** Returns how long an execution of so many rows, which need not be whole, takes. */
    double at(double rows) {
        int floor = (int) Math.floor(rows);
        Map.Entry<Integer, Double> below = seconds.floorEntry(floor);
        Map.Entry<Integer, Double> above = seconds.higherEntry(floor);
        if (below == null) {
            return seconds.firstEntry().getValue();
        }
        if (above == null) {
            // Beyond what was measured it goes on as it ended.
            Map.Entry<Integer, Double> before = seconds.lowerEntry(below.getKey());
            double slope = before == null
                    ? below.getValue() / below.getKey()
                    : Math.max(0, slope(before, below));
            return below.getValue() + slope * (rows - below.getKey());
        }
        return below.getValue() + slope(below, above) * (rows - below.getKey());
    }

    private static double slope(Map.Entry<Integer, Double> one, Map.Entry<Integer, Double> other) {
        return (other.getValue() - one.getValue()) / (other.getKey() - one.getKey());
    }

    /** Returns this curve stretched so that it goes through a point. */
    ExecutionCurve scaled(double factor) {
        Map<Integer, Double> scaled = new TreeMap<>();
        seconds.forEach((rows, time) -> scaled.put(rows, time * factor));
        return new ExecutionCurve(scaled);
    }
}
