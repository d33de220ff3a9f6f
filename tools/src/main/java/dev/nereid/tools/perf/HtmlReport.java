package dev.nereid.tools.perf;

import dev.nereid.tools.report.Page;
import dev.nereid.tools.report.Plot;
import dev.nereid.tools.report.StackedBars;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes results as one HTML page that needs nothing else: what was measured, plots, and the table. */
final class HtmlReport {
    private static final int MAX_CURVES = 8;
    private static final List<Plot.Tick> PERCENTILE_TICKS = List.of(new Plot.Tick(nines(0), "0 %"),
            new Plot.Tick(nines(90), "90 %"), new Plot.Tick(nines(99), "99 %"), new Plot.Tick(nines(99.9), "99.9 %"),
            new Plot.Tick(nines(99.99), "99.99 %"));

    private HtmlReport() {
    }

    /**
     * Returns the page.
     *
     * @param title its heading
     * @param facts what was measured and how, in the order to show it
     * @param results at least one
     */
    static String of(String title, Map<String, String> facts, List<LevelResult> results) {
        StringBuilder page = Page.begin(title, facts);
        page.append("<h2>Latency against throughput</h2>\n")
                .append(Plot.logarithmic("inferences per second", "latency in microseconds", throughput(results)))
                .append("<h2>Distribution of latency</h2>\n")
                .append(Plot.logarithmic("share of requests that took no longer", "latency in microseconds",
                        distributions(results), PERCENTILE_TICKS));
        if (results.stream().allMatch(LevelResult::hasServerTimes)) {
            page.append("<h2>Where the time goes</h2>\n").append(split(results));
        }
        page.append("<h2>Figures</h2>\n<p>Times are in microseconds.</p>\n<div class=\"wide\">\n");
        table(page, results);
        return Page.end(page.append("</div>\n"));
    }

    private static List<Plot.Series> throughput(List<LevelResult> results) {
        List<Plot.Series> series = new ArrayList<>();
        for (double percentile : ResultColumns.PERCENTILES.reversed()) {
            String name = "p" + ResultColumns.trimmed(percentile);
            series.add(new Plot.Series(name, results.stream().map(result -> {
                double latency = result.window().percentileMicros(percentile);
                return new Plot.Point(result.inferencesPerSecond(), latency,
                        String.format(Locale.ROOT, "%s %s: %.0f inferences/s, %s %.0f us", result.level().kind(),
                                result.level().text(), result.inferencesPerSecond(), name, latency));
            }).toList(), true));
        }
        return series;
    }

    /** Returns a line for each result, or for some of them where there are more than can be told apart. */
    private static List<Plot.Series> distributions(List<LevelResult> results) {
        int count = Math.min(results.size(), MAX_CURVES);
        List<Plot.Series> series = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            LevelResult result = results.get(count == 1 ? 0 : i * (results.size() - 1) / (count - 1));
            series.add(new Plot.Series(result.level().kind() + " " + result.level().text(), curve(result), false));
        }
        return series;
    }

    /** Returns the latency at percentiles that lie evenly on an axis where each nine takes as much room as the last. */
    private static List<Plot.Point> curve(LevelResult result) {
        List<Plot.Point> points = new ArrayList<>();
        double end = Math.min(nines(99.99), Math.log10(Math.max(1.0, (double) result.window().requests())));
        int steps = 120;
        for (int i = 0; i <= steps; i++) {
            double place = end * i / steps;
            double percentile = 100 * (1 - Math.pow(10, -place));
            points.add(new Plot.Point(place, result.window().percentileMicros(percentile), ""));
        }
        return points;
    }

    private static double nines(double percentile) {
        return -Math.log10(1 - percentile / 100);
    }

    /** Returns what the mean latency of each level is made of. */
    private static String split(List<LevelResult> results) {
        LoadLevel first = results.getFirst().level();
        List<ResultColumns.Column> parts = ResultColumns.of(results.getFirst()).stream()
                .filter(column -> column.isPartOfLatency()).toList();
        return StackedBars.svg(first.kind().toLowerCase(Locale.ROOT), "mean time in microseconds",
                parts.stream().map(ResultColumns.Column::title).toList(),
                results.stream().map(result -> new StackedBars.Bar(result.level().text(),
                        parts.stream().map(column -> column.value().applyAsDouble(result)).toList())).toList());
    }

    private static void table(StringBuilder page, List<LevelResult> results) {
        LoadLevel first = results.getFirst().level();
        List<ResultColumns.Column> columns = ResultColumns.of(results.getFirst());
        page.append("<table>\n<tr><th>").append(first.kind()).append("</th>");
        columns.forEach(column -> page.append("<th>").append(Page.escape(column.name())).append("</th>"));
        page.append("<th>Stable</th></tr>\n");
        for (LevelResult result : results) {
            page.append("<tr><td>").append(result.level().text()).append("</td>");
            for (ResultColumns.Column column : columns) {
                page.append("<td>").append(column.needsServer() && !result.hasServerTimes()
                        ? "–"
                        : String.format(Locale.ROOT, "%,." + column.decimals() + "f",
                                column.value().applyAsDouble(result)))
                        .append("</td>");
            }
            page.append("<td>").append(result.isStable() ? "yes" : "no").append("</td></tr>\n");
        }
        page.append("</table>\n");
    }
}
