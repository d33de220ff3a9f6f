package dev.nereid.tools.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Draws lines into an SVG element. The vertical axis begins at zero; texts must not hold markup. */
public final class Plot {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 360;
    private static final int LEFT = 84;
    private static final int RIGHT = 150;
    private static final int TOP = 16;
    private static final int BOTTOM = 48;
    private static final int TICKS = 6;

    /**
     * A point.
     *
     * @param x its place on the horizontal axis
     * @param y its place on the vertical axis
     * @param label what to show when somebody points at it
     */
    public record Point(double x, double y, String label) {
    }

    /**
     * A mark on the horizontal axis.
     *
     * @param x its place
     * @param label its text
     */
    public record Tick(double x, String label) {
    }

    /**
     * A line.
     *
     * @param name its name in the legend
     * @param points in the order in which they are connected
     * @param hasMarkers whether the points are to be seen
     */
    public record Series(String name, List<Point> points, boolean hasMarkers) {
        public Series {
            points = List.copyOf(points);
        }
    }

    private final String xTitle;
    private final String yTitle;
    private final List<Series> series;
    private final List<Tick> ticks;
    private final double minX;
    private final double maxX;
    private final double maxY;

    private Plot(String xTitle, String yTitle, List<Series> series, List<Tick> ticks) {
        this.xTitle = xTitle;
        this.yTitle = yTitle;
        this.series = series;
        this.ticks = ticks;
        this.minX = ticks.getFirst().x();
        this.maxX = ticks.getLast().x();
        double highest = series.stream().flatMap(line -> line.points().stream()).mapToDouble(Point::y).max().orElse(0);
        this.maxY = top(highest);
    }

    /** Returns the SVG element of a plot whose horizontal axis begins at zero. */
    public static String svg(String xTitle, String yTitle, List<Series> series) {
        double highest = series.stream().flatMap(line -> line.points().stream()).mapToDouble(Point::x).max().orElse(0);
        return svg(xTitle, yTitle, series, ticks(top(highest)));
    }

    /** Returns the SVG element of a plot with these marks on the horizontal axis, which are also its ends. */
    public static String svg(String xTitle, String yTitle, List<Series> series, List<Tick> ticks) {
        return new Plot(xTitle, yTitle, series, ticks).draw();
    }

    private static List<Tick> ticks(double end) {
        List<Tick> ticks = new ArrayList<>();
        double step = step(end);
        for (int i = 0; i * step <= end * 1.0001; i++) {
            ticks.add(new Tick(i * step, number(i * step)));
        }
        return ticks;
    }

    /** Returns the end of an axis that has room for {@code highest}. */
    private static double top(double highest) {
        double safe = highest > 0 ? highest : 1;
        double step = step(safe);
        return Math.ceil(safe / step) * step;
    }

    /** Returns a round distance between the marks of an axis from 0 to {@code end}. */
    private static double step(double end) {
        double power = Math.pow(10, Math.floor(Math.log10(end / TICKS)));
        double scaled = end / TICKS / power;
        return power * (scaled <= 1 ? 1 : scaled <= 2 ? 2 : scaled <= 5 ? 5 : 10);
    }

    private String draw() {
        StringBuilder svg = new StringBuilder(String.format(Locale.ROOT,
                "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s over %s\">%n", WIDTH, HEIGHT, yTitle, xTitle));
        int right = WIDTH - RIGHT;
        int bottom = HEIGHT - BOTTOM;
        for (Tick tick : ticks(maxY)) {
            svg.append(line("grid", LEFT, y(tick.x()), right, y(tick.x())));
            svg.append(text("end", LEFT - 8, y(tick.x()) + 4, tick.label()));
        }
        for (Tick tick : ticks) {
            svg.append(line("grid", x(tick.x()), TOP, x(tick.x()), bottom));
            svg.append(text("middle", x(tick.x()), bottom + 18, tick.label()));
        }
        svg.append(line("axis", LEFT, bottom, right, bottom)).append(line("axis", LEFT, TOP, LEFT, bottom));
        svg.append(text("middle", (LEFT + right) / 2.0, HEIGHT - 8, xTitle));
        svg.append(String.format(Locale.ROOT, "<text text-anchor=\"middle\" transform=\"translate(14 %d) rotate(-90)\">"
                + "%s</text>%n", (TOP + bottom) / 2, yTitle));
        for (int i = 0; i < series.size(); i++) {
            draw(svg, series.get(i), i);
        }
        return svg.append("</svg>\n").toString();
    }

    private void draw(StringBuilder svg, Series line, int index) {
        String style = "s" + index % 8;
        StringBuilder points = new StringBuilder();
        line.points().forEach(point -> points
                .append(String.format(Locale.ROOT, "%.1f,%.1f ", x(point.x()), y(point.y()))));
        svg.append(String.format(Locale.ROOT, "<polyline class=\"line %s\" points=\"%s\"/>%n", style,
                points.toString().strip()));
        if (line.hasMarkers()) {
            line.points().forEach(point -> svg.append(String.format(Locale.ROOT,
                    "<circle class=\"mark %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s</title></circle>%n", style,
                    x(point.x()), y(point.y()), point.label())));
        }
        double legend = TOP + 12 + 20.0 * index;
        svg.append(line("line " + style, WIDTH - RIGHT + 14, legend - 4, WIDTH - RIGHT + 34, legend - 4));
        svg.append(text("start", WIDTH - RIGHT + 40, legend, line.name()));
    }

    private double x(double value) {
        return LEFT + (value - minX) / (maxX > minX ? maxX - minX : 1) * (WIDTH - LEFT - RIGHT);
    }

    private double y(double value) {
        return HEIGHT - BOTTOM - value / maxY * (HEIGHT - TOP - BOTTOM);
    }

    private static String line(String style, double x1, double y1, double x2, double y2) {
        return String.format(Locale.ROOT, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>%n",
                style, x1, y1, x2, y2);
    }

    private static String text(String anchor, double x, double y, String text) {
        return String.format(Locale.ROOT, "<text text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>%n", anchor, x, y,
                text);
    }

    private static String number(double value) {
        if (value == Math.rint(value)) {
            return String.format(Locale.ROOT, "%,d", (long) value);
        }
        return String.format(Locale.ROOT, "%.4g", value).replaceAll("0+$", "");
    }
}
