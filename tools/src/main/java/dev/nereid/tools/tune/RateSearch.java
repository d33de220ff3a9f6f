package dev.nereid.tools.tune;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleFunction;

/** Finds the highest rate that keeps a latency goal, by trying rates. */
final class RateSearch {
    /** A search ends when the highest rate that keeps the goal and the lowest that does not are so close. */
    private static final double CLOSE = 1.04;
    private static final double FIRST_STEP = 1.3;

    private final DoubleFunction<Measurement.Load> load;
    private final double goalSeconds;
    private final int maxTries;
    private final BooleanSupplier isTimeUp;
    private final List<Measurement.Load> tried = new ArrayList<>();

    /**
     * Creates a search.
     *
     * @param load measures a load at a rate
     * @param isTimeUp whether to end with the first rate that keeps the goal
     */
    RateSearch(DoubleFunction<Measurement.Load> load, double goalSeconds, int maxTries, BooleanSupplier isTimeUp) {
        this.load = load;
        this.goalSeconds = goalSeconds;
        this.maxTries = maxTries;
        this.isTimeUp = isTimeUp;
    }

    /** A moment in which something else had the machine must not end a search: a miss is tried again, once. */
    private boolean isKept(double rate) {
        for (int i = 0; i < 2; i++) {
            Measurement.Load result = load.apply(rate);
            tried.add(result);
            if (result.keeps(goalSeconds)) {
                return true;
            }
            if (Double.isInfinite(result.p99Seconds()) || isTimeUp.getAsBoolean()) {
                return false;
            }
        }
        return false;
    }

    /** Returns the load with the highest rate that keeps the goal, beginning with a guess; empty where none did. */
    Optional<Measurement.Load> run(double guess) {
        double good = 0;
        double bad = Double.POSITIVE_INFINITY;
        double rate = guess;
        double step = FIRST_STEP;
        while (tried.size() < maxTries && bad / Math.max(good, 1e-9) > CLOSE
                && (good == 0 || !isTimeUp.getAsBoolean())) {
            if (isKept(rate)) {
                good = rate;
            } else {
                bad = rate;
            }
            if (good == 0) {
                rate = bad / step;
                step *= FIRST_STEP;
            } else if (Double.isInfinite(bad)) {
                rate = good * step;
                step *= FIRST_STEP;
            } else {
                rate = Math.sqrt(good * bad);
            }
        }
        return tried.stream().filter(each -> each.keeps(goalSeconds))
                .max(Comparator.comparingDouble(Measurement.Load::rate));
    }
}
