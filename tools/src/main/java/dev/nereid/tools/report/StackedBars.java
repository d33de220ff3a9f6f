package dev.nereid.tools.report;

import java.util.List;
import java.util.Locale;

/** Draws a bar for each level into an SVG element, made of parts that lie on top of each other. */
public final class StackedBars {
    /** More texts than these would lie on each other. */
    private static final int MAX_LABELS = 16;

    /**
     * A bar.
     *
     * @param label what stands below it
     * @param parts its parts from bottom to top, as many as there are names
     */
    public record Bar(String label, List<Double> parts) {
        public Bar {
            parts = List.copyOf(parts);
        }

        private double height() {
            return parts.stream().mapToDouble(Double::doubleValue).sum();
        }
    }

    private StackedBars() {
    }

    /**
     * Returns the SVG element.
     *
     * @param names of the parts, for the legend
     * @param bars at least one
     */
    public static String svg(String xTitle, String yTitle, List<String> names, List<Bar> bars) {
        StringBuilder svg = new StringBuilder(Svg.open(xTitle, yTitle));
        double top = Svg.top(bars.stream().mapToDouble(Bar::height).max().orElse(0));
        for (int i = 0; i * Svg.step(top) <= top * 1.0001; i++) {
            svg.append(Svg.mark(y(i * Svg.step(top), top), i * Svg.step(top)));
        }
        double room = (double) (Svg.RIGHT - Svg.LEFT) / bars.size();
        double width = Math.min(60, room * 0.7);
        int every = (bars.size() + MAX_LABELS - 1) / MAX_LABELS;
        for (int i = 0; i < bars.size(); i++) {
            Bar bar = bars.get(i);
            double middle = Svg.LEFT + room * (i + 0.5);
            double below = 0;
            for (int part = 0; part < names.size(); part++) {
                double above = below + bar.parts().get(part);
                svg.append(String.format(Locale.ROOT,
                        "<rect class=\"part %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%s</title>"
                                + "</rect>%n",
                        Svg.style(part), middle - width / 2, y(above, top), width, y(below, top) - y(above, top),
                        String.format(Locale.ROOT, "%s: %.1f", names.get(part), bar.parts().get(part))));
                below = above;
            }
            if (i % every == 0) {
                svg.append(Svg.text("middle", middle, Svg.BOTTOM + 18, bar.label()));
            }
        }
        for (int part = 0; part < names.size(); part++) {
            svg.append(Svg.legend(part, names.get(part)));
        }
        return svg.append(Svg.close()).toString();
    }

    private static double y(double value, double top) {
        return Svg.BOTTOM - value / top * (Svg.BOTTOM - Svg.TOP);
    }
}
