package dev.nereid.tools.perf;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes results as comma-separated values. Columns that perf_analyzer has too have the names that it gives them. */
final class CsvReport {
    private CsvReport() {
    }

    /** Returns the file's text; the results must not be none. */
    static String of(List<LevelResult> results) {
        LoadLevel first = results.getFirst().level();
        List<ResultColumns.Column> columns = ResultColumns.of(results.getFirst());
        StringBuilder text = new StringBuilder();
        text.append(Stream.concat(Stream.of(first.kind()), columns.stream().map(ResultColumns.Column::name))
                .collect(Collectors.joining(","))).append(",Windows,Stable\n");
        for (LevelResult result : results) {
            text.append(result.level().text());
            for (ResultColumns.Column column : columns) {
                text.append(',').append(column.needsServer() && !result.hasServerTimes()
                        ? ""
                        : number(column.value().applyAsDouble(result)));
            }
            text.append(',').append(result.windows()).append(',').append(result.isStable()).append('\n');
        }
        return text.toString();
    }

    private static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? Long.toString((long) value)
                : String.format(Locale.ROOT, "%.3f", value);
    }
}
