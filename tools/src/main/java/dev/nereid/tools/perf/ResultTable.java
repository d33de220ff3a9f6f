package dev.nereid.tools.perf;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** Prints results on the terminal, each as soon as it is there. */
final class ResultTable {
    private static final int MIN_WIDTH = 7;

    private final PrintStream out;
    private final List<ResultColumns.Column> columns;
    private final boolean isOpenLoop;

    ResultTable(PrintStream out, boolean isOpenLoop, boolean isStreaming) {
        this.out = out;
        this.isOpenLoop = isOpenLoop;
        this.columns = ResultColumns.of(isOpenLoop, isStreaming).stream()
                .filter(column -> !column.title().isEmpty()).toList();
    }

    /** Prints the headings. */
    void begin() {
        StringBuilder line = new StringBuilder(right(isOpenLoop ? "rate" : "conc.", MIN_WIDTH));
        columns.forEach(column -> line.append(' ').append(right(column.title(), width(column))));
        out.println(line);
    }

    /** Prints one result. */
    void add(LevelResult result) {
        StringBuilder line = new StringBuilder(right(result.level().text(), MIN_WIDTH));
        for (ResultColumns.Column column : columns) {
            String text = column.needsServer() && !result.hasServerTimes()
                    ? "-"
                    : String.format(Locale.ROOT, "%." + column.decimals() + "f", column.value().applyAsDouble(result));
            line.append(' ').append(right(text, width(column)));
        }
        out.println(result.isStable() ? line : line.append("  not stable"));
    }

    private static int width(ResultColumns.Column column) {
        int width = column.decimals() > 0 && !column.needsServer() ? MIN_WIDTH + 3 : MIN_WIDTH + column.decimals();
        return Math.max(width, column.title().length());
    }

    private static String right(String text, int width) {
        return " ".repeat(Math.max(0, width - text.length())) + text;
    }
}
