package dev.nereid.tools.tune;

import dev.nereid.tools.report.Page;
import dev.nereid.tools.report.Plot;
import dev.nereid.tools.tune.Tuner.Result;
import dev.nereid.tools.tune.Tuner.Row;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Shows what tuning came to: a table and a sentence for the terminal, a page with plots. */
final class TuneReport {
    /** Settings that were only computed are many. */
    private static final int MAX_UNMEASURED = 12;

    private final Result result;
    private final Goal goal;
    private final String diff;

    /**
     * Creates a report.
     *
     * @param diff what would change in the configuration; nothing where nothing would
     */
    TuneReport(Result result, Goal goal, String diff) {
        this.result = result;
        this.goal = goal;
        this.diff = diff;
    }

    /** Returns what was found, in one sentence. */
    String verdict() {
        String gain = goal.rate().isPresent()
                ? String.format(Locale.ROOT, "lowers p99 by %.0f %%", 100 * (1 - 1 / (1 + result.gain())))
                : String.format(Locale.ROOT, "answers %.0f %% more requests within %s", 100 * result.gain(),
                        time(goal.seconds()));
        if (result.rows().stream().noneMatch(row -> row.load().isPresent())) {
            return "no setting keeps 99 of 100 requests within " + time(goal.seconds())
                    + (goal.rate().isPresent() ? " at this rate" : "");
        }
        if (result.best().equals(result.today())) {
            return "today's setting is as good as any that was tried: " + result.today();
        }
        if (!result.isConfirmed()) {
            return "not compared with today's setting before the end: " + result.best()
                    + " did best so far; a longer --time compares them";
        }
        if (!result.isBetter()) {
            return String.format(Locale.ROOT,
                    "no gain: %s differs from today's setting by %.0f %%, which may be chance (%.0f %%)", result.best(),
                    100 * result.gain(), 100 * result.noise());
        }
        return Double.isInfinite(result.gain())
                ? result.best() + " keeps the goal, which today's setting does not"
                : result.best() + " " + gain + String.format(Locale.ROOT, " (give or take %.0f %%)",
                        100 * result.noise());
    }

    /** Returns the table of what was tried, the best first. */
    String table() {
        List<List<String>> lines = new ArrayList<>();
        lines.add(List.of("setting", "expected/s", "measured/s", "p50", "p99", ""));
        rows().forEach(row -> lines.add(cells(row)));
        int[] widths = new int[lines.getFirst().size()];
        lines.forEach(line -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], line.get(i).length());
            }
        });
        StringBuilder text = new StringBuilder();
        for (List<String> line : lines) {
            StringBuilder shown = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                String padding = " ".repeat(widths[i] - line.get(i).length());
                boolean isNumber = i > 0 && i < widths.length - 1;
                shown.append(isNumber ? padding + line.get(i) : line.get(i) + padding).append("  ");
            }
            text.append(shown.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    private List<Row> rows() {
        List<Row> rows = new ArrayList<>(result.rows().stream().filter(TuneReport::isMeasured)
                .sorted(Comparator.comparingDouble((Row row) -> row.load().map(Measurement.Load::rate).orElse(0.0))
                        .reversed())
                .toList());
        List<Row> others = result.rows().stream().filter(row -> !isMeasured(row)).toList();
        rows.addAll(others.subList(0, Math.min(MAX_UNMEASURED, others.size())));
        return rows;
    }

    private static boolean isMeasured(Row row) {
        return row.load().isPresent() || row.note().startsWith("keeps");
    }

    private static List<String> cells(Row row) {
        return List.of(row.setting().toString(),
                row.expected().map(each -> String.format(Locale.ROOT, "%.1f", each.rate())).orElse(""),
                row.load().map(each -> String.format(Locale.ROOT, "%.1f", each.rate())).orElse(""),
                row.load().map(each -> time(each.p50Seconds())).orElse(""),
                row.load().map(each -> time(each.p99Seconds())).orElse(""), row.note());
    }

    static String time(double seconds) {
        if (seconds < 1e-3) {
            return String.format(Locale.ROOT, "%.0f µs", seconds * 1e6);
        }
        return seconds < 1
                ? String.format(Locale.ROOT, "%.1f ms", seconds * 1e3)
                : String.format(Locale.ROOT, "%.2f s", seconds);
    }

    /**
     * Returns a page that needs nothing else.
     *
     * @param facts what was tuned and how, in the order to show it
     */
    String html(Map<String, String> facts) {
        StringBuilder page = Page.begin("Settings for " + facts.getOrDefault("Model", "a model"), facts);
        page.append("<p>").append(Page.escape(verdict())).append("</p>\n");
        page.append("<h2>Configuration</h2>\n<pre>")
                .append(Page.escape(diff.isEmpty() ? "nothing changes" : diff)).append("</pre>\n");
        page.append("<h2>Time of an execution by its rows</h2>\n").append(curve());
        page.append("<h2>What was tried</h2>\n<div class=\"wide\">\n<table>\n<tr>");
        for (String head : List.of("Setting", "Expected/s", "Measured/s", "p50", "p99", "")) {
            page.append("<th").append(head.isEmpty() || head.equals("Setting") ? " class=\"text\">" : ">").append(head)
                    .append("</th>");
        }
        page.append("</tr>\n");
        for (Row row : rows()) {
            List<String> cells = cells(row);
            page.append("<tr>");
            for (int i = 0; i < cells.size(); i++) {
                page.append(i == 0 || i == cells.size() - 1 ? "<td class=\"text\">" : "<td>")
                        .append(Page.escape(cells.get(i))).append("</td>");
            }
            page.append("</tr>\n");
        }
        return Page.end(page.append("</table>\n</div>\n"));
    }

    private String curve() {
        List<Plot.Point> points = new ArrayList<>();
        List<Plot.Tick> ticks = new ArrayList<>();
        result.curve().points().forEach((rows, seconds) -> {
            // Evenly, though each size is twice the last.
            double place = Math.log(rows) / Math.log(2);
            points.add(new Plot.Point(place, seconds * 1e3, rows + " rows: " + time(seconds)));
            ticks.add(new Plot.Tick(place, Integer.toString(rows)));
        });
        return Plot.logarithmic("rows", "milliseconds",
                List.of(new Plot.Series("one instance, all cores", points, true)), ticks);
    }
}
