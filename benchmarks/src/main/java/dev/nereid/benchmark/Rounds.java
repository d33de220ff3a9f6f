package dev.nereid.benchmark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The turns of one side, one a round. */
record Rounds(List<Turn> turns) {
    Rounds {
        turns = List.copyOf(turns);
    }

    /** Returns the median of a figure; NaN without any. */
    double median(ToDoubleFunction<Turn> figure) {
        return median(turns.stream().mapToDouble(figure).toArray());
    }

    /**
     * Returns the median of the ratios that the rounds have one by one: what disturbs a round disturbs both its turns.
     * NaN where no round was taken by both.
     */
    double ratio(Rounds yardstick, ToDoubleFunction<Turn> figure) {
        return median(ratios(yardstick, figure));
    }

    /** Returns the ratios of the rounds that both sides took. */
    double[] ratios(Rounds yardstick, ToDoubleFunction<Turn> figure) {
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < Math.min(turns.size(), yardstick.turns.size()); i++) {
            double below = figure.applyAsDouble(yardstick.turns.get(i));
            if (below > 0) {
                ratios.add(figure.applyAsDouble(turns.get(i)) / below);
            }
        }
        return ratios.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** Returns the requests that failed. */
    long failures() {
        return turns.stream().mapToLong(Turn::failures).sum();
    }

    /** Returns the middle one, or the mean of the two in the middle; values that are NaN don't count. */
    static double median(double... values) {
        double[] sorted = Arrays.stream(values).filter(value -> !Double.isNaN(value)).sorted().toArray();
        int half = sorted.length / 2;
        if (sorted.length == 0) {
            return Double.NaN;
        }
        return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }
}
