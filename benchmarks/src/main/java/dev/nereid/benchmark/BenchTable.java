package dev.nereid.benchmark;

import java.io.PrintStream;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Prints results on the terminal, each as soon as it is there. */
final class BenchTable {
    private static final int NAME_WIDTH = 18;
    private static final int COUNT_WIDTH = 6;

    private final PrintStream out;
    private final List<ReportColumns.Column> columns;

    /** Prints results of these cases, compared with another server or the bare handler. */
    BenchTable(PrintStream out, Collection<BenchCase> cases, boolean isAgainst) {
        this.out = out;
        this.columns = ReportColumns.of(cases, isAgainst);
    }

    /** Prints the headings. */
    void begin() {
        StringBuilder line = new StringBuilder(left("case", NAME_WIDTH)).append(right("conn.", COUNT_WIDTH));
        columns.forEach(column -> line.append(' ').append(right(column.title(), column.width())));
        out.println(line.append("  marks"));
    }

    /** Prints one result. */
    void add(CaseResult result) {
        String variant = result.variant().isEmpty() ? "" : " " + result.variant();
        StringBuilder line = new StringBuilder(left(result.benchCase().id() + variant, NAME_WIDTH))
                .append(right(Integer.toString(result.connections()), COUNT_WIDTH));
        for (ReportColumns.Column column : columns) {
            line.append(' ').append(right(column.shown(result), column.width()));
        }
        String verdicts = Mark.verdicts(result).stream()
                .map(verdict -> verdict.mark().figure() + " " + (verdict.isPassed() ? "passed" : "missed"))
                .collect(Collectors.joining(", "));
        out.println((line + "  " + verdicts).stripTrailing());
        long failures = result.server().failures() + result.handler().failures();
        if (failures > 0) {
            out.println("  " + failures + " requests failed; the first: " + firstFailure(result));
        }
    }

    private static String firstFailure(CaseResult result) {
        return Stream.concat(result.server().turns().stream(), result.handler().turns().stream())
                .map(Turn::firstFailure).filter(text -> !text.isEmpty()).findFirst().orElse("unknown");
    }

    /** Prints a figure. */
    void add(Figure figure) {
        out.println(left(figure.name(), 60) + right(figure.text(), 12)
                + figure.verdict().map(verdict -> "  " + verdict.text()).orElse(""));
    }

    private static String left(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }

    private static String right(String text, int width) {
        return " ".repeat(Math.max(0, width - text.length())) + text;
    }
}
