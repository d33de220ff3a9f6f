package dev.nereid.benchmark;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A figure beside those of load: of start, memory or loading.
 *
 * @param name what was measured
 * @param unit in what
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
        return String.format(Locale.ROOT, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value) + " " + unit;
    }
}
