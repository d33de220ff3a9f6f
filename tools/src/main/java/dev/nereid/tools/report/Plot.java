package dev.nereid.tools.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Draws lines into an SVG element. Texts must not hold markup. */
public final class Plot {
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

    private final List<Series> series;
    private final List<Tick> ticks;
    private final boolean isLogarithmic;
    private final double minX;
    private final double maxX;
    /** The marks of the vertical axis, which are also its ends. */
    private final List<Double> marks;

    private Plot(List<Series> series, List<Tick> ticks, boolean isLogarithmic) {
        this.series = series;
        this.ticks = ticks;
        this.isLogarithmic = isLogarithmic;
        this.minX = ticks.getFirst().x();
        this.maxX = ticks.getLast().x();
        this.marks = isLogarithmic ? logarithmicMarks(series) : marks(series);
    }

    /** Returns the SVG element of a plot with these marks on the horizontal axis, which are also its ends. */
    public static String svg(String xTitle, String yTitle, List<Series> series, List<Tick> ticks) {
        return new Plot(series, ticks, false).draw(xTitle, yTitle);
    }

    /** Returns the SVG element of a plot whose horizontal axis begins at zero, and whose vertical axis is logarithmic. */
    public static String logarithmic(String xTitle, String yTitle, List<Series> series) {
        double highest = series.stream().flatMap(line -> line.points().stream()).mapToDouble(Point::x).max().orElse(0);
        return logarithmic(xTitle, yTitle, series, ticks(Svg.top(highest)));
    }

    /**
     * Returns the SVG element of a plot with these marks on the horizontal axis, which are also its ends. The vertical axis
     * is logarithmic, so that a median is to be seen beside a tail that is a hundred times as long.
     */
    public static String logarithmic(String xTitle, String yTitle, List<Series> series, List<Tick> ticks) {
        return new Plot(series, ticks, true).draw(xTitle, yTitle);
    }

    private static List<Tick> ticks(double end) {
        List<Tick> ticks = new ArrayList<>();
        double step = Svg.step(end);
        for (int i = 0; i * step <= end * 1.0001; i++) {
            ticks.add(new Tick(i * step, Svg.number(i * step)));
        }
        return ticks;
    }

    private static List<Double> marks(List<Series> series) {
        double top = Svg.top(series.stream().flatMap(line -> line.points().stream()).mapToDouble(Point::y).max()
                .orElse(0));
        return ticks(top).stream().map(Tick::x).toList();
    }

    /** Returns one, two and five times the powers of ten, from below all points to above them. */
    private static List<Double> logarithmicMarks(List<Series> series) {
        double[] values = series.stream().flatMap(line -> line.points().stream()).mapToDouble(Point::y)
                .filter(value -> value > 0).sorted().toArray();
        double lowest = values.length == 0 ? 1 : values[0];
        double highest = values.length == 0 ? 1 : values[values.length - 1];
        List<Double> marks = new ArrayList<>();
        for (int power = (int) Math.floor(Math.log10(lowest)); marks.size() < 2 || marks.getLast() < highest; power++) {
            for (int factor : new int[]{1, 2, 5}) {
                double mark = factor * Math.pow(10, power);
                if (marks.size() == 1 && mark <= lowest) {
                    marks.clear();
                }
                if (marks.size() < 2 || marks.getLast() < highest) {
                    marks.add(mark);
                }
            }
        }
        return marks;
    }

    private String draw(String xTitle, String yTitle) {
        StringBuilder svg = new StringBuilder(Svg.open(xTitle, yTitle));
        marks.forEach(mark -> svg.append(Svg.mark(y(mark), mark)));
        for (Tick tick : ticks) {
            svg.append(Svg.line("grid", x(tick.x()), Svg.TOP, x(tick.x()), Svg.BOTTOM));
            svg.append(Svg.text("middle", x(tick.x()), Svg.BOTTOM + 18, tick.label()));
        }
        for (int i = 0; i < series.size(); i++) {
            draw(svg, series.get(i), i);
        }
        return svg.append(Svg.close()).toString();
    }

    private void draw(StringBuilder svg, Series line, int index) {
        StringBuilder points = new StringBuilder();
        line.points().forEach(point -> points
                .append(String.format(Locale.ROOT, "%.1f,%.1f ", x(point.x()), y(point.y()))));
        svg.append(String.format(Locale.ROOT, "<polyline class=\"line %s\" points=\"%s\"/>%n", Svg.style(index),
                points.toString().strip()));
        if (line.hasMarkers()) {
            line.points().forEach(point -> svg.append(String.format(Locale.ROOT,
                    "<circle class=\"mark %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s</title></circle>%n",
                    Svg.style(index), x(point.x()), y(point.y()), point.label())));
        }
        svg.append(Svg.legend(index, line.name()));
    }

    private double x(double value) {
        return Svg.LEFT + (value - minX) / (maxX > minX ? maxX - minX : 1) * (Svg.RIGHT - Svg.LEFT);
    }

    private double y(double value) {
        return Svg.BOTTOM - share(value) * (Svg.BOTTOM - Svg.TOP);
    }

    private double share(double value) {
        double low = marks.getFirst();
        double high = marks.getLast();
        return isLogarithmic
                ? Math.log10(Math.max(value, low) / low) / Math.log10(high / low)
                : (value - low) / (high - low);
    }
}
