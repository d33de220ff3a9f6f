package dev.nereid.benchmark;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Writes results as comma-separated values. */
final class BenchCsv {
    private BenchCsv() {
    }

    /** Returns a line for each case, number of connections and server. */
    static String ofCases(List<CaseResult> results) {
        StringBuilder text = new StringBuilder("case,server,connections,rounds,failures,");
        text.append(ReportColumns.ALL.stream().map(ReportColumns.Column::name).collect(Collectors.joining(",")))
                .append(",throughput_ratio_min,throughput_ratio_max,marks\n");
        for (CaseResult result : results) {
            text.append(result.benchCase().id()).append(',').append(quoted(result.variant())).append(',')
                    .append(result.connections()).append(',').append(result.server().turns().size()).append(',')
                    .append(result.server().failures());
            for (ReportColumns.Column column : ReportColumns.ALL) {
                text.append(',').append(number(column.value().applyAsDouble(result)));
            }
            double[] ratios = result.server().ratios(result.handler(), Turn::requestsPerSecond);
            text.append(',').append(number(Arrays.stream(ratios).min().orElse(Double.NaN))).append(',')
                    .append(number(Arrays.stream(ratios).max().orElse(Double.NaN))).append(',')
                    .append(quoted(Mark.verdicts(result).stream().map(Mark.Verdict::text)
                            .collect(Collectors.joining("; "))))
                    .append('\n');
        }
        return text.toString();
    }

    /** Returns a line for each figure. */
    static String ofFigures(List<Figure> figures) {
        StringBuilder text = new StringBuilder("figure,unit,median,values,mark\n");
        for (Figure figure : figures) {
            text.append(quoted(figure.name())).append(',').append(figure.unit()).append(',')
                    .append(number(figure.median())).append(',')
                    .append(figure.values().stream().map(BenchCsv::number).collect(Collectors.joining(" ")))
                    .append(',').append(quoted(figure.verdict().map(Mark.Verdict::text).orElse(""))).append('\n');
        }
        return text.toString();
    }

    /** Returns the headings of a soak's samples. */
    static String soakHeader() {
        return "minutes,resident_mib,heap_committed_mib,heap_used_mib,threads,open_files,requests,wrong_answers\n";
    }

    /** Returns the line of a sample. */
    static String of(SoakSample sample) {
        return number(sample.minutes()) + ',' + number(sample.residentMib()) + ',' + number(sample.heapCommittedMib())
                + ',' + number(sample.heapUsedMib()) + ',' + sample.threads() + ',' + sample.openFiles() + ','
                + sample.requests() + ',' + sample.wrong() + '\n';
    }

    private static String number(double value) {
        return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.3f", value);
    }

    private static String quoted(String text) {
        return text.matches("[^,\"\n]*") ? text : "\"" + text.replace("\"", "\"\"") + "\"";
    }
}
