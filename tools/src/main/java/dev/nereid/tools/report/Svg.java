package dev.nereid.tools.report;

import java.util.Locale;

/** The frame that all plots have in common: its size, lines, texts and legend. Texts must not hold markup. */
final class Svg {
    static final int LEFT = 84;
    static final int RIGHT = 610;
    static final int TOP = 16;
    static final int BOTTOM = 312;
    private static final int WIDTH = 760;
    private static final int HEIGHT = 360;
    /** How many styles there are to tell lines or parts apart. */
    private static final int STYLES = 8;

    private Svg() {
    }

    /** Returns the begin of the element, with the titles of the axes. */
    static String open(String xTitle, String yTitle) {
        return String.format(Locale.ROOT,
                "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s over %s\">%n", WIDTH, HEIGHT, yTitle, xTitle)
                + text("middle", (LEFT + RIGHT) / 2.0, HEIGHT - 8, xTitle)
                + String.format(Locale.ROOT,
                        "<text text-anchor=\"middle\" transform=\"translate(14 %d) rotate(-90)\">%s</text>%n",
                        (TOP + BOTTOM) / 2, yTitle);
    }

    /** Returns the two axes and the end of the element; what was drawn before lies beneath the axes. */
    static String close() {
        return line("axis", LEFT, BOTTOM, RIGHT, BOTTOM) + line("axis", LEFT, TOP, LEFT, BOTTOM) + "</svg>\n";
    }

    /** Returns a mark on the vertical axis with the line that belongs to it. */
    static String mark(double y, double value) {
        return line("grid", LEFT, y, RIGHT, y) + text("end", LEFT - 8, y + 4, number(value));
    }

    /** Returns an entry of the legend. */
    static String legend(int index, String name) {
        double y = TOP + 12 + 20.0 * index;
        return line("line " + style(index), RIGHT + 14, y - 4, RIGHT + 34, y - 4)
                + text("start", RIGHT + 40, y, name);
    }

    /** Returns the class of what is drawn for an entry of the legend. */
    static String style(int index) {
        return "s" + index % STYLES;
    }

    static String line(String style, double x1, double y1, double x2, double y2) {
        return String.format(Locale.ROOT, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>%n",
                style, x1, y1, x2, y2);
    }

    static String text(String anchor, double x, double y, String text) {
        return String.format(Locale.ROOT, "<text text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>%n", anchor, x, y,
                text);
    }

    /** Returns a round distance between the marks of an axis from 0 to {@code end}. */
    static double step(double end) {
        double marks = 6;
        double power = Math.pow(10, Math.floor(Math.log10(end / marks)));
        double scaled = end / marks / power;
        return power * (scaled <= 1 ? 1 : scaled <= 2 ? 2 : scaled <= 5 ? 5 : 10);
    }

    /** Returns the end of an axis that has room for {@code highest}. */
    static double top(double highest) {
        double safe = highest > 0 ? highest : 1;
        return Math.ceil(safe / step(safe)) * step(safe);
    }

    static String number(double value) {
        if (value == Math.rint(value)) {
            return String.format(Locale.ROOT, "%,d", (long) value);
        }
        return String.format(Locale.ROOT, "%.4g", value).replaceAll("0+$", "");
    }
}
