package dev.nereid.benchmark;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * What a figure should come to.
 *
 * @param figure what it is called
 * @param isAtLeast whether the bound is the smallest good value, not the largest
 * @param bound the bound
 */
record Mark(String figure, boolean isAtLeast, double bound) {
    /**
     * A mark and the results it is for.
     *
     * @param mark the mark
     * @param cases the cases
     * @param connections the numbers of connections; none for all
     * @param isRelative whether it compares with the bare handler
     * @param value the figure
     */
    record Rule(Mark mark, Set<BenchCase> cases, Set<Integer> connections, boolean isRelative,
            ToDoubleFunction<CaseResult> value) {
        boolean isFor(CaseResult result) {
            return cases.contains(result.benchCase()) && (!isRelative || !result.isAgainst())
                    && (connections.isEmpty() || connections.contains(result.connections()));
        }
    }

    /**
     * A mark and what was measured.
     *
     * @param mark the mark
     * @param value the figure
     */
    record Verdict(Mark mark, double value) {
        boolean isPassed() {
            return mark.isAtLeast() ? value >= mark.bound() : value <= mark.bound();
        }

        /** Returns the verdict as reports show it. */
        String text() {
            return String.format(Locale.ROOT, "%s %s %s: %s", mark.figure(), mark.isAtLeast() ? ">=" : "<=",
                    number(mark.bound()), isPassed() ? "passed" : "missed");
        }
    }

    /** The longest second start to ready in seconds. */
    static final Mark START_SECONDS = new Mark("start", false, 2);
    /** The largest resident memory when idle, in MiB: 450 MB. */
    static final Mark IDLE_MIB = new Mark("memory", false, 429);
    /** The largest resident memory of 1,000 idle models over that of one, in MiB: 150 MB. */
    static final Mark MODELS_MIB = new Mark("memory of 1,000 models", false, 143);
    /** The steepest rise of resident memory in a soak of an hour or more, in MiB a minute: 0.5 MB. */
    static final Mark SLOPE_MIB = new Mark("slope", false, 0.48);
    /** How many answers of a soak may be wrong. */
    static final Mark WRONG_ANSWERS = new Mark("wrong answers", false, 0);

    private static final Set<BenchCase> DIRECT = Set.of(BenchCase.IDENTITY_BINARY, BenchCase.IDENTITY_JSON);

    private static final List<Rule> RULES = List.of(
            throughput(0.65, DIRECT, Set.of(1, 4, 16)),
            p50(1.8, 1), p50(2, 4), p50(3, 16),
            new Rule(new Mark("p99", false, 1.0 / 3), DIRECT, Set.of(16), true, CaseResult::p99Ratio),
            new Rule(new Mark("heap KiB", false, 6), Set.of(BenchCase.IDENTITY_BINARY), Set.of(), false,
                    CaseResult::heapKib),
            throughput(0.75, Set.of(BenchCase.IDENTITY_GRPC), Set.of(1, 4, 16)),
            throughput(0.70, Set.of(BenchCase.LARGE_GRPC), Set.of()),
            new Rule(new Mark("heap KiB", false, 8), Set.of(BenchCase.IDENTITY_GRPC), Set.of(), true,
                    CaseResult::heapKib),
            throughput(0.60, Set.of(BenchCase.IDENTITY_BATCHED), Set.of(1, 4, 16)),
            new Rule(new Mark("cpu of a step", false, 2.5), Set.of(BenchCase.ENSEMBLE_BINARY), Set.of(), false,
                    CaseResult::stepRatio),
            throughput(0.45, Set.of(BenchCase.MLP), Set.of(1)),
            throughput(0.28, Set.of(BenchCase.MLP), Set.of(4, 16)),
            throughput(0.30, Set.of(BenchCase.MLP_BATCHED), Set.of(16)),
            throughput(0.60, Set.of(BenchCase.LARGE_BINARY), Set.of()),
            new Rule(new Mark("of libtorch", true, 0.97), Set.of(BenchCase.RESNET50, BenchCase.UNET), Set.of(), false,
                    CaseResult::loopRatio));

    private static Rule throughput(double bound, Set<BenchCase> cases, Set<Integer> connections) {
        return new Rule(new Mark("throughput", true, bound), cases, connections, true, CaseResult::throughputRatio);
    }

    private static Rule p50(double bound, int connections) {
        return new Rule(new Mark("p50", false, bound), DIRECT, Set.of(connections), true, CaseResult::p50Ratio);
    }

    /** Returns what there is to say of a result. */
    static List<Verdict> verdicts(CaseResult result) {
        return RULES.stream().filter(rule -> rule.isFor(result))
                .map(rule -> new Verdict(rule.mark(), rule.value().applyAsDouble(result)))
                .filter(verdict -> !Double.isNaN(verdict.value())).toList();
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.2f", value).replaceAll("\\.?0+$", "");
    }
}
