package dev.nereid.benchmark;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** The columns that the table, the CSV file and the page have in common. */
final class ReportColumns {
    /**
     * A column of numbers.
     *
     * @param name its name in the CSV file
     * @param title its heading elsewhere
     * @param decimals how many digits to show behind the point
     * @param value what stands in it; NaN for nothing
     */
    record Column(String name, String title, int decimals, ToDoubleFunction<CaseResult> value) {
        /** Returns how many characters it takes. */
        int width() {
            return decimals == 2 || title.equals("heap") || title.equals("rss") ? 5 : 6;
        }

        Column called(String otherTitle) {
            return new Column(name, otherTitle, decimals, value);
        }

        /** Returns what stands in it, as it is shown. */
        String shown(CaseResult result) {
            double number = value.applyAsDouble(result);
            return Double.isNaN(number) ? "-" : String.format(Locale.ROOT, "%." + decimals + "f", number);
        }
    }

    private static final String STEPS = "cpu_step_ratio";
    private static final String OTHER_MEMORY = "handler_resident_mib";

    static final List<Column> ALL = List.of(
            new Column("requests_per_second", "req/s", 0, of(CaseResult::server, Turn::requestsPerSecond)),
            new Column("handler_requests_per_second", "bare", 0, of(CaseResult::handler, Turn::requestsPerSecond)),
            new Column("throughput_ratio", "ratio", 2, CaseResult::throughputRatio),
            new Column("p50_us", "p50", 0, of(CaseResult::server, Turn::p50Micros)),
            new Column("handler_p50_us", "bare", 0, of(CaseResult::handler, Turn::p50Micros)),
            new Column("p50_ratio", "ratio", 2, CaseResult::p50Ratio),
            new Column("p99_us", "p99", 0, of(CaseResult::server, Turn::p99Micros)),
            new Column("handler_p99_us", "bare", 0, of(CaseResult::handler, Turn::p99Micros)),
            new Column("p99_ratio", "ratio", 2, CaseResult::p99Ratio),
            new Column("cpu_us", "cpu", 0, CaseResult::cpuMicros),
            new Column("cpu_ratio", "ratio", 2, CaseResult::cpuRatio),
            new Column(STEPS, "steps", 2, CaseResult::stepRatio),
            new Column("heap_kib_per_request", "heap", 1, CaseResult::heapKib),
            new Column("resident_mib", "rss", 0, CaseResult::residentMib),
            new Column(OTHER_MEMORY, "other", 0, CaseResult::handlerResidentMib),
            new Column("libtorch_per_second", "torch/s", 1,
                    result -> result.loop().map(loop -> loop.median(Turn::requestsPerSecond)).orElse(Double.NaN)),
            new Column("libtorch_ratio", "ratio", 3, CaseResult::loopRatio));

    private static final Set<String> LIBTORCH = Set.of("libtorch_per_second", "libtorch_ratio");

    private ReportColumns() {
    }

    /**
     * Returns the columns that are not empty for all of these cases.
     *
     * @param isAgainst whether servers are compared with another one, rather than the bare handler
     */
    static List<Column> of(Collection<BenchCase> cases, boolean isAgainst) {
        boolean hasLibtorch = cases.stream().anyMatch(BenchCase::isHeavy);
        boolean hasSteps = cases.stream().anyMatch(each -> each.step().isPresent());
        return ALL.stream().filter(column -> hasLibtorch || !LIBTORCH.contains(column.name()))
                .filter(column -> hasSteps || !column.name().equals(STEPS))
                .filter(column -> isAgainst || !column.name().equals(OTHER_MEMORY))
                .map(column -> isAgainst && column.title().equals("bare") ? column.called("other") : column).toList();
    }

    private static ToDoubleFunction<CaseResult> of(Function<CaseResult, Rounds> side, ToDoubleFunction<Turn> figure) {
        return result -> side.apply(result).median(figure);
    }
}
