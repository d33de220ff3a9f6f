package dev.nereid.benchmark;

import dev.nereid.tools.report.Page;
import dev.nereid.tools.report.Plot;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** Writes results as one HTML page that needs nothing else. */
final class BenchPage {
    private static final int SOAK_TICKS = 5;

    private BenchPage() {
    }

    /**
     * Returns the page.
     *
     * @param facts what was measured and how, in the order to show it
     * @param soak the samples of a soak; none where there was no soak
     */
    static String of(Map<String, String> facts, List<CaseResult> results, List<Figure> figures,
            List<SoakSample> soak) {
        StringBuilder page = Page.begin("Nereid benchmark", facts);
        boolean isAgainst = isAgainst(results);
        if (!results.isEmpty()) {
            page.append("<p>Ratios are medians of the ratios of the rounds: the server's figure divided by that of ")
                    .append(isAgainst ? "the other server" : "a bare Helidon handler")
                    .append(", which was loaded in the same way just before or after. More is better for "
                            + "throughput, less for the rest.</p>\n");
        }
        marks(page, results, figures);
        plots(page, "Small requests", results, each -> each.shape().length == 2 && each.sampleModel().isEmpty());
        plots(page, "A small model", results, each -> each.shape().length == 2 && each.sampleModel().isPresent());
        plots(page, "Large requests", results, each -> !each.isHeavy() && each.shape().length > 2);
        List<CaseResult> heavy = results.stream().filter(result -> result.benchCase().isHeavy()).toList();
        plot(page, "Models that compute for long", "throughput relative to libtorch alone", heavy,
                CaseResult::loopRatio);
        if (!results.isEmpty()) {
            page.append("<h2>Figures under load</h2>\n<p>Times are in microseconds: latency, and processor time of the "
                    + "server's process for a request (cpu). Heap: KiB allocated for a request. Rss: MiB of the server "
                    + "in memory after the last turn.</p>\n<div class=\"wide\">\n");
            table(page, results);
            page.append("</div>\n");
        }
        if (!figures.isEmpty()) {
            page.append(
                    "<h2>Start, memory, loading, soak</h2>\n<div class=\"wide\">\n<table>\n<tr><th class=\"text\">figure"
                            + "</th><th>median</th></tr>\n");
            for (Figure figure : figures) {
                page.append("<tr><td class=\"text\">").append(Page.escape(figure.name())).append("</td><td>")
                        .append(Page.escape(figure.text())).append("</td></tr>\n");
            }
            page.append("</table>\n</div>\n");
        }
        soak(page, soak);
        return Page.end(page);
    }

    /** Draws what became of memory over the time of a soak. */
    private static void soak(StringBuilder page, List<SoakSample> samples) {
        if (samples.size() < 2) {
            return;
        }
        double end = samples.getLast().minutes();
        List<Plot.Tick> ticks = IntStream.rangeClosed(0, SOAK_TICKS)
                .mapToObj(i -> new Plot.Tick(end * i / SOAK_TICKS,
                        String.format(Locale.ROOT, end < 2 * SOAK_TICKS ? "%.1f" : "%.0f", end * i / SOAK_TICKS)))
                .toList();
        page.append("<h2>Memory under a soak</h2>\n").append(Plot.svg("minutes", "MiB",
                List.of(line("resident", samples, SoakSample::residentMib),
                        line("heap committed", samples, SoakSample::heapCommittedMib),
                        line("heap used", samples, SoakSample::heapUsedMib)),
                ticks));
    }

    private static Plot.Series line(String name, List<SoakSample> samples, ToDoubleFunction<SoakSample> value) {
        return new Plot.Series(name, samples.stream().filter(sample -> !Double.isNaN(value.applyAsDouble(sample)))
                .map(sample -> new Plot.Point(sample.minutes(), value.applyAsDouble(sample), "")).toList(), false);
    }

    private static void plots(StringBuilder page, String title, List<CaseResult> all, Predicate<BenchCase> isWanted) {
        List<CaseResult> results = all.stream().filter(result -> isWanted.test(result.benchCase())).toList();
        String yardstick = isAgainst(all) ? "the other server" : "the bare handler";
        plot(page, title, "throughput relative to " + yardstick, results, CaseResult::throughputRatio);
        plot(page, "", "p50 relative to " + yardstick, results, CaseResult::p50Ratio);
        plot(page, "", "p99 relative to " + yardstick, results, CaseResult::p99Ratio);
    }

    private static boolean isAgainst(List<CaseResult> results) {
        return results.stream().anyMatch(CaseResult::isAgainst);
    }

    /** Draws a figure over the number of connections, where there is more than one; with a heading, if it has a text. */
    private static void plot(StringBuilder page, String heading, String title, List<CaseResult> results,
            ToDoubleFunction<CaseResult> figure) {
        List<Plot.Tick> ticks = results.stream().map(CaseResult::connections).distinct().sorted()
                .map(count -> new Plot.Tick(place(count), Integer.toString(count))).toList();
        if (ticks.size() < 2) {
            return;
        }
        if (!heading.isEmpty()) {
            page.append("<h2>").append(heading).append("</h2>\n");
        }
        Map<String, List<Plot.Point>> lines = new LinkedHashMap<>();
        for (CaseResult result : results) {
            double value = figure.applyAsDouble(result);
            if (!Double.isNaN(value)) {
                String name = (result.benchCase().id() + " " + result.variant()).strip();
                lines.computeIfAbsent(name, ignored -> new ArrayList<>())
                        .add(new Plot.Point(place(result.connections()), value, String.format(Locale.ROOT,
                                "%s, %d connections: %.3f", name, result.connections(), value)));
            }
        }
        page.append(Plot.svg("connections", title, lines.entrySet().stream()
                .map(line -> new Plot.Series(line.getKey(), line.getValue(), true)).toList(), ticks));
    }

    /** Returns where a number of connections lies on an axis on which each doubling takes as much room as the last. */
    private static double place(int connections) {
        return Math.log(connections) / Math.log(2);
    }

    private static void table(StringBuilder page, List<CaseResult> results) {
        List<ReportColumns.Column> columns = ReportColumns.of(results.stream().map(CaseResult::benchCase).toList(),
                isAgainst(results));
        page.append("<table>\n<tr><th class=\"text\">case</th><th>conn.</th>");
        columns.forEach(column -> page.append("<th>").append(column.title()).append("</th>"));
        page.append("</tr>\n");
        for (CaseResult result : results) {
            page.append("<tr><td class=\"text\">").append(Page.escape(result.benchCase().title()))
                    .append(result.variant().isEmpty() ? "" : " (" + Page.escape(result.variant()) + ")")
                    .append("</td><td>").append(result.connections()).append("</td>");
            columns.forEach(column -> page.append("<td>").append(column.shown(result)).append("</td>"));
            page.append("</tr>\n");
        }
        page.append("</table>\n");
    }

    private static void marks(StringBuilder page, List<CaseResult> results, List<Figure> figures) {
        StringBuilder rows = new StringBuilder();
        for (CaseResult result : results) {
            for (Mark.Verdict verdict : Mark.verdicts(result)) {
                mark(rows,
                        result.benchCase().title() + (result.variant().isEmpty() ? "" : " (" + result.variant() + ")")
                                + ", " + result.connections() + " connections",
                        verdict);
            }
        }
        figures.forEach(figure -> figure.verdict().ifPresent(verdict -> mark(rows, figure.name(), verdict)));
        if (!rows.isEmpty()) {
            page.append("<h2>Marks</h2>\n<div class=\"wide\">\n<table>\n").append(rows).append("</table>\n</div>\n");
        }
    }

    private static void mark(StringBuilder rows, String what, Mark.Verdict verdict) {
        rows.append("<tr><td class=\"text\">").append(Page.escape(what)).append("</td><td>")
                .append(String.format(Locale.ROOT, "%.2f", verdict.value())).append("</td><td class=\"text ")
                .append(verdict.isPassed() ? "passed" : "missed").append("\">").append(Page.escape(verdict.text()))
                .append("</td></tr>\n");
    }
}
