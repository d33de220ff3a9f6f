package dev.nereid.benchmark;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A figure beside those of load: of start, memory, loading, many models or a soak.
 *
 * @param name what was measured
 * @param unit in what; empty for what is counted
 * @param values each time it was measured
 * @param mark what it should come to
 */
record Figure(String name, String unit, List<Double> values, Optional<Mark> mark) {
    Figure {
        values = List.copyOf(values);
    }

    double median() {
        return Rounds.median(values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    Optional<Mark.Verdict> verdict() {
        return mark.map(each -> new Mark.Verdict(each, median()));
    }

    /** Returns the median as reports show it. */
    String text() {
        return text(median());
    }

    private String text(double value) {
        int decimals = unit.isEmpty() || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
        return (String.format(Locale.ROOT, "%." + decimals + "f", value) + " " + unit).strip();
    }
}
