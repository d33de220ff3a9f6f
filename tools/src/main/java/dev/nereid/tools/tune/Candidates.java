package dev.nereid.tools.tune;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The settings that come into question, and what can be expected of each. */
final class Candidates {
    /** What is expected can't be told to within so much. */
    private static final double LITTLE = 1.05;

    private final Setting current;
    private final Map<Split, ExecutionCurve> curves;
    private final Goal goal;

    /**
     * How the cores are divided.
     *
     * @param instances the number of instances
     * @param threads the threads of each; 0 where the backend decides
     */
    record Split(int instances, int threads) {
        @Override
        public String toString() {
            return instances + " × " + (threads == 0 ? "as the backend has it" : threads);
        }
    }

    /**
     * A setting and what the times of single executions make of it.
     *
     * @param setting the setting
     * @param rate the highest rate that keeps the goal, as predicted
     * @param p99Seconds the 99th percentile at the rate of the goal, or at the predicted one
     */
    record Expected(Setting setting, double rate, double p99Seconds) {
    }

    /**
     * Creates candidates.
     *
     * @param current today's setting
     * @param curves the curve of one instance for each split, while all its instances work
     */
    Candidates(Setting current, Map<Split, ExecutionCurve> curves, Goal goal) {
        this.current = current;
        this.curves = Map.copyOf(curves);
        this.goal = goal;
    }

    /** Returns the ways to divide the cores, one instance with all of them first. */
    static List<Split> splits(int cores, boolean setsThreads) {
        List<Split> splits = new ArrayList<>();
        for (int instances = 1; instances <= cores; instances++) {
            if (cores % instances == 0 || instances == cores) {
                splits.add(new Split(instances, setsThreads ? cores / instances : 0));
            }
        }
        return splits;
    }

    /** Returns the sizes of batches that are measured alone: powers of two, and the largest. */
    static List<Integer> sizes(int largest) {
        Set<Integer> sizes = new TreeSet<>();
        for (int rows = 1; rows < largest; rows *= 2) {
            sizes.add(rows);
        }
        sizes.add(Math.max(1, largest));
        return List.copyOf(sizes);
    }

    /** Returns all candidates, the most promising first; where little is to be gained, what changes less. */
    List<Expected> ranked() {
        List<Expected> ranked = new ArrayList<>();
        curves.forEach((split, curve) -> settings(split, curve).forEach(setting -> ranked.add(expect(setting))));
        ranked.sort(goal.rate().isPresent()
                ? Comparator.comparingDouble((Expected each) -> each.p99Seconds() / preference(each))
                : Comparator.comparingDouble((Expected each) -> each.rate() * preference(each)).reversed());
        return ranked;
    }

    private double preference(Expected expected) {
        boolean isAsToday = !expected.setting().batches() || expected.setting().maxBatch() == current.maxBatch();
        return isAsToday ? LITTLE : 1;
    }

    private List<Setting> settings(Split split, ExecutionCurve curve) {
        Setting plain = new Setting(split.instances(), split.threads(), current.maxBatch(), false, 0);
        List<Setting> settings = new ArrayList<>(List.of(plain));
        for (int rows : sizes(Math.min(Math.max(1, current.maxBatch()), curve.largest()))) {
            if (rows > 1) {
                settings.add(new Setting(split.instances(), split.threads(), rows, true, 0));
            }
        }
        return settings;
    }

    /** Returns what can be expected of a setting whose split was measured. */
    Expected expect(Setting setting) {
        ExecutionCurve curve = curves.get(splitOf(setting));
        if (curve == null) {
            throw new IllegalArgumentException(setting + " was not measured");
        }
        CapacityModel model = new CapacityModel(curve, setting);
        double rate = model.rateWithin(goal.seconds());
        return new Expected(setting, rate, model.p99At(goal.rate().orElse(rate)));
    }

    /** Returns whether anything is known of a setting's split. */
    boolean knows(Setting setting) {
        return curves.containsKey(splitOf(setting));
    }

    /** Returns the candidates to measure, without today's setting: the best of each split, then the next. */
    List<Expected> best(int count) {
        List<Expected> others = new ArrayList<>(ranked());
        others.removeIf(each -> each.setting().equals(current));
        List<Expected> best = new ArrayList<>();
        Set<Split> seen = new HashSet<>();
        others.stream().filter(each -> seen.add(splitOf(each.setting()))).limit(count).forEach(best::add);
        others.stream().filter(each -> !best.contains(each)).limit(count - best.size()).toList().forEach(best::add);
        return best;
    }

    private static Split splitOf(Setting setting) {
        return new Split(setting.instances(), setting.threads());
    }
}
