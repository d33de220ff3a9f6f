package dev.nereid.tools.tune;

import dev.nereid.tools.tune.Candidates.Expected;
import dev.nereid.tools.tune.Candidates.Split;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Tunes a model: measures single executions, computes what each setting can do, measures the best under load, and compares
 * the winner with today's setting. For one thread.
 */
final class Tuner {
    private static final String TOO_SLOW = "one execution takes longer than the goal";
    /** The share of the time that is for measuring settings; the rest is for comparing the winner with today's. */
    private static final double SEARCH = 0.6;
    private static final int MEASURED = 3;
    private static final int TRIES = 7;
    private static final int ROUNDS = 3;
    private static final int LEAST_ROUNDS = 2;
    private static final int TRIES_OF_ROUND = 4;
    private static final Duration LEAST_LOAD = Duration.ofMillis(100);
    private static final Duration MOST_LOAD = Duration.ofSeconds(10);
    private static final Duration LEAST_EXECUTIONS = Duration.ofMillis(50);
    private static final Duration MOST_EXECUTIONS = Duration.ofSeconds(3);

    private final Trial trial;
    private final ConfigEdit edit;
    private final Setting today;
    private final Measurement measurement;
    private final Goal goal;
    private final Budget budget;
    private final int cores;
    private final BooleanSupplier isStopped;
    private final Consumer<String> progress;
    private final Map<Setting, Row> rows = new LinkedHashMap<>();
    private Duration eachLoad = LEAST_LOAD;
    private Budget search;
    private int toMeasure = MEASURED + 2;

    /**
     * Something that was looked at.
     *
     * @param setting the setting
     * @param expected what was expected of it; empty where nothing was measured of it
     * @param load what it did at the highest rate that kept the goal, or at the goal's rate; empty where it was not measured, or
     *     kept the goal at no rate
     * @param note why it was not measured, or what came of it
     */
    record Row(Setting setting, Optional<Expected> expected, Optional<Measurement.Load> load, String note) {
    }

    /**
     * What came of it.
     *
     * @param today the setting as it was
     * @param best the best that was found, today's included
     * @param gain how much better it is than today's, as a share: 0.2 is a fifth
     * @param noise what gains of that size may be by chance
     * @param isConfirmed whether the two were compared alternately
     * @param curve the times of executions of one instance with all cores
     * @param rows what was tried, and what was not
     */
    record Result(Setting today, Setting best, double gain, double noise, boolean isConfirmed, ExecutionCurve curve,
            List<Row> rows) {
        Result {
            rows = List.copyOf(rows);
        }

        /** Returns whether another setting than today's is better by more than chance. */
        boolean isBetter() {
            return !best.equals(today) && isConfirmed && gain > noise;
        }
    }

    /**
     * Creates a tuner.
     *
     * @param trial has the model loaded as it is configured
     * @param cores how many cores there are
     * @param isStopped whether to end with what is known
     * @param progress is told what is going on
     */
    Tuner(Trial trial, ConfigEdit edit, Requests requests, Goal goal, Budget budget, int cores,
            BooleanSupplier isStopped, Consumer<String> progress) {
        this.trial = trial;
        this.edit = edit;
        this.today = edit.current();
        this.measurement = new Measurement(trial.engine(), requests, isStopped);
        this.goal = goal;
        this.budget = budget;
        this.search = budget;
        this.cores = cores;
        this.isStopped = isStopped;
        this.progress = progress;
    }

    /** Returns the best setting within the time there is; with what is known so far where it is stopped. */
    Result run() {
        List<Split> splits = edit.fixedInstances().isPresent()
                ? List.of(new Split(today.instances(), today.threads()))
                : Candidates.splits(cores, edit.threadParameter().isPresent());
        ExecutionCurve curve = curve(splits.getFirst());
        Map<Split, ExecutionCurve> curves = curves(splits, curve);
        Candidates candidates = new Candidates(spelt(), curves, goal);
        note(candidates);
        // Today's setting, the best, and one with a delay; each is warmed up before.
        search = budget.part(SEARCH);
        eachLoad = search.each(1, (MEASURED + 2) * (goal.rate().isPresent() ? 3 : TRIES + 1), LEAST_LOAD, MOST_LOAD);
        measure(today, candidates.knows(spelt()) ? Optional.of(candidates.expect(spelt())) : Optional.empty());
        for (Expected expected : candidates.best(MEASURED)) {
            measure(expected.setting(), Optional.of(expected));
        }
        tryDelay(candidates);
        Setting winner = best().orElse(today);
        return confirmed(winner, curve);
    }

    /** Measures executions of each size on one instance, up to the one that takes longer than the goal. */
    private ExecutionCurve curve(Split split) {
        use(bare(split));
        List<Integer> sizes = Candidates.sizes(today.maxBatch());
        Duration each = budget.each(0.07, sizes.size(), LEAST_EXECUTIONS, MOST_EXECUTIONS);
        Map<Integer, Double> seconds = new TreeMap<>();
        for (int size : sizes) {
            tell("executions of " + size + (size == 1 ? " row" : " rows"));
            // The first ones compile.
            var _ = measurement.execution(size, 1, each.dividedBy(2));
            seconds.put(size, measurement.execution(size, 1, each));
            if (isStopped.getAsBoolean() || seconds.get(size) > goal.seconds()) {
                break;
            }
        }
        return new ExecutionCurve(seconds);
    }

    private Setting bare(Split split) {
        return new Setting(split.instances(), split.threads(), today.maxBatch(), false, 0);
    }

    /** Finds out how the curve changes where the cores are divided otherwise, and all instances work. */
    private Map<Split, ExecutionCurve> curves(List<Split> splits, ExecutionCurve alone) {
        Map<Split, ExecutionCurve> curves = new LinkedHashMap<>();
        curves.put(splits.getFirst(), alone);
        Duration each = budget.each(0.1, 2 * splits.size(), LEAST_EXECUTIONS, MOST_EXECUTIONS);
        for (Split split : splits.subList(1, splits.size())) {
            if (isStopped.getAsBoolean()) {
                break;
            }
            tell("executions of " + split.instances() + " instances side by side");
            use(bare(split));
            double product = 1;
            List<Integer> sizes = alone.largest() == 1 ? List.of(1) : List.of(1, alone.largest());
            for (int size : sizes) {
                var _ = measurement.execution(size, split.instances(), each.dividedBy(2));
                product *= measurement.execution(size, split.instances(), each) / alone.at(size);
            }
            curves.put(split, alone.scaled(Math.pow(product, 1.0 / sizes.size())));
        }
        return curves;
    }

    /** Returns today's setting with threads: where nothing is said about them, the backend divides the cores as is done here. */
    private Setting spelt() {
        int threads = today.threads() == 0 && edit.threadParameter().isPresent()
                ? Math.max(1, cores / today.instances())
                : today.threads();
        return today.withSplit(today.instances(), threads);
    }

    private void note(Candidates candidates) {
        for (Expected expected : candidates.ranked()) {
            String note = expected.rate() == 0
                    ? TOO_SLOW
                    : "others are expected to do better";
            rows.put(expected.setting(), new Row(expected.setting(), Optional.of(expected), Optional.empty(), note));
        }
    }

    private void measure(Setting setting, Optional<Expected> expected) {
        if (isStopped.getAsBoolean()) {
            return;
        }
        if (expected.isPresent() && expected.get().rate() == 0) {
            rows.put(setting, new Row(setting, expected, Optional.empty(), TOO_SLOW));
            return;
        }
        tell(setting.toString());
        Budget own = search.part(1.0 / toMeasure);
        toMeasure = Math.max(1, toMeasure - 1);
        Optional<Measurement.Load> load = load(setting, expected.map(Expected::rate).orElse(100.0), eachLoad, TRIES,
                own);
        rows.put(setting, new Row(setting, expected, load, load.isPresent()
                ? (setting.equals(today) ? "as it is today" : "measured")
                : "keeps the goal " + (goal.rate().isPresent() ? "not at this rate" : "at no rate that was tried")));
    }

    /** Returns what a setting does at its best rate, or at the goal's; empty where it does not keep the goal. */
    private Optional<Measurement.Load> load(Setting setting, double guess, Duration each, int tries, Budget own) {
        use(setting);
        // At even times first, which also warms up; random times are the harder ones and decide.
        double rate = goal.rate().orElse(Math.max(1, guess));
        var _ = measurement.load(Math.max(1, rate / 2), false, each.dividedBy(2), goal.seconds());
        if (goal.rate().isPresent()) {
            Measurement.Load even = measurement.load(rate, false, each, goal.seconds());
            Measurement.Load random = measurement.load(rate, true, each, goal.seconds());
            return Optional.of(random).filter(load -> load.keeps(goal.seconds()) && even.keeps(goal.seconds()));
        }
        return new RateSearch(tried -> measurement.load(tried, true, each, goal.seconds()), goal.seconds(), tries,
                own::isSpent).run(rate);
    }

    /** A delay helps only where batches are larger with it than without; that is quickly seen. */
    private void tryDelay(Candidates candidates) {
        Optional<Setting> best = best();
        if (best.isEmpty() || !best.get().batches() || best.get().delayMicros() > 0 || !candidates.knows(best.get())
                || isStopped.getAsBoolean()) {
            return;
        }
        long delay = goal.latency().toNanos() / 1000 / 20;
        if (delay >= 10) {
            Setting delayed = new Setting(best.get().instances(), best.get().threads(), best.get().maxBatch(), true,
                    delay);
            measure(delayed, Optional.of(candidates.expect(delayed)));
        }
    }

    /** Returns the setting that did best, today's in case of doubt. */
    private Optional<Setting> best() {
        Comparator<Row> byWorth = Comparator.comparingDouble(row -> worth(row.load().orElseThrow()));
        return rows.values().stream().filter(row -> row.load().isPresent())
                .max(byWorth.thenComparing(row -> row.setting().equals(today))).map(Row::setting);
    }

    /** More is better: the rate, or where that is given, how low the latency is. */
    private double worth(Measurement.Load load) {
        return goal.rate().isPresent() ? 1 / Math.max(1e-9, load.p99Seconds()) : load.rate();
    }

    /** Measures winner and today's setting in turn. */
    private Result confirmed(Setting winner, ExecutionCurve curve) {
        List<Row> seen = List.copyOf(rows.values());
        if (winner.equals(today) || isStopped.getAsBoolean()) {
            return new Result(today, winner, gain(winner), 0, false, curve, seen);
        }
        int loads = 2 * ROUNDS * (goal.rate().isPresent() ? 3 : TRIES_OF_ROUND + 1);
        Duration each = budget.each(0.9, loads, LEAST_LOAD, MOST_LOAD);
        List<Double> ofWinner = new ArrayList<>();
        List<Double> ofToday = new ArrayList<>();
        for (int round = 1; round <= ROUNDS && !isStopped.getAsBoolean()
                && (round <= LEAST_ROUNDS || !budget.isSpent()); round++) {
            tell("round " + round + " of " + ROUNDS + ": the winner, and today's setting");
            int left = 2 * (ROUNDS + 1 - round);
            ofWinner.add(again(winner, each, budget.part(1.0 / left)));
            ofToday.add(again(today, each, budget.part(1.0 / (left - 1))));
        }
        if (ofToday.size() < LEAST_ROUNDS || isStopped.getAsBoolean()) {
            return new Result(today, winner, gain(winner), 0, false, curve, seen);
        }
        double gain = median(ofToday) == 0 ? Double.POSITIVE_INFINITY : median(ofWinner) / median(ofToday) - 1;
        return new Result(today, winner, gain, Math.max(spread(ofWinner), spread(ofToday)), true, curve, seen);
    }

    private double again(Setting setting, Duration each, Budget own) {
        @Nullable
        Row row = rows.get(setting);
        double guess = row == null ? 1 : row.load().map(Measurement.Load::rate).orElse(1.0);
        return load(setting, guess, each, TRIES_OF_ROUND, own).map(this::worth).orElse(0.0);
    }

    private double gain(Setting winner) {
        double before = Optional.ofNullable(rows.get(today)).flatMap(Row::load).map(this::worth).orElse(0.0);
        double after = Optional.ofNullable(rows.get(winner)).flatMap(Row::load).map(this::worth).orElse(0.0);
        return before == 0 ? 0 : after / before - 1;
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    /** Returns half the distance of the extremes, as a share of the median. */
    private static double spread(List<Double> values) {
        double median = median(values);
        double low = values.stream().mapToDouble(Double::doubleValue).min().orElse(0);
        double high = values.stream().mapToDouble(Double::doubleValue).max().orElse(0);
        return median == 0 ? 0 : (high - low) / 2 / median;
    }

    private void use(Setting setting) {
        String text = edit.with(setting);
        Setting loaded = new ConfigEdit(text, trial.load(text).config()).current();
        if (!loaded.equals(setting)) {
            throw new TuneException("the configuration is written in a way that can't be changed here: it should have "
                    + setting + ", and has " + loaded);
        }
    }

    private void tell(String what) {
        Duration left = budget.left();
        progress.accept(String.format(Locale.ROOT, "%d:%02d left: %s", left.toMinutes(), left.toSecondsPart(), what));
    }
}
