package dev.nereid.benchmark;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/** What the samples of a soak come to. */
record SoakCurve(List<SoakSample> samples) {
    /** How much of a soak is for caches and compiled code to grow, at most. */
    private static final double MAX_WARM_UP_MINUTES = 10;
    private static final double WARM_UP_SHARE = 0.2;
    /** From this length on a soak says whether memory stays. */
    private static final double JUDGED_MINUTES = 60;

    SoakCurve {
        samples = List.copyOf(samples);
    }

    /** Returns the figures for the reports; none where there are too few samples. */
    List<Figure> figures() {
        OptionalDouble slope = slope();
        if (slope.isEmpty()) {
            return List.of();
        }
        SoakSample last = samples.getLast();
        return Stream.of(
                figure("soak: slope of resident memory after the first " + round(warmUpMinutes()) + " minutes",
                        "MiB/min", slope.getAsDouble(),
                        last.minutes() >= JUDGED_MINUTES ? Optional.of(Mark.SLOPE_MIB) : Optional.empty()),
                figure("soak: resident memory, highest", "MiB", highest(SoakSample::residentMib)),
                figure("soak: resident memory at the end", "MiB", last.residentMib()),
                figure("soak: heap committed, highest", "MiB", highest(SoakSample::heapCommittedMib)),
                figure("soak: heap committed at the end", "MiB", last.heapCommittedMib()),
                figure("soak: threads, highest", "", highest(SoakSample::threads)),
                figure("soak: open files, highest", "", highest(SoakSample::openFiles)),
                figure("soak: answered requests", "", (double) last.requests()),
                figure("soak: answered requests a second", "1/s", (double) last.requests() / (last.minutes() * 60)))
                .filter(figure -> !Double.isNaN(figure.median())).toList();
    }

    /**
     * Returns the slope of resident memory in MiB a minute, by least squares over the samples after the warm-up; nothing
     * where these are not at least two.
     */
    OptionalDouble slope() {
        List<SoakSample> settled = samples.stream().filter(sample -> sample.minutes() >= warmUpMinutes()).toList();
        double meanX = settled.stream().mapToDouble(SoakSample::minutes).average().orElse(0);
        double meanY = settled.stream().mapToDouble(SoakSample::residentMib).average().orElse(0);
        double products = 0;
        double squares = 0;
        for (SoakSample sample : settled) {
            double x = sample.minutes() - meanX;
            products += x * (sample.residentMib() - meanY);
            squares += x * x;
        }
        return squares > 0 ? OptionalDouble.of(products / squares) : OptionalDouble.empty();
    }

    /** Returns how many minutes at the beginning don't count for the slope: a fifth of all, at most ten. */
    private double warmUpMinutes() {
        return samples.isEmpty() ? 0 : Math.min(MAX_WARM_UP_MINUTES, samples.getLast().minutes() * WARM_UP_SHARE);
    }

    private double highest(ToDoubleFunction<SoakSample> value) {
        return samples.stream().mapToDouble(value).filter(each -> !Double.isNaN(each)).max().orElse(Double.NaN);
    }

    private static String round(double minutes) {
        return String.format(Locale.ROOT, minutes < 1 ? "%.2f" : "%.1f", minutes);
    }

    private static Figure figure(String name, String unit, double value) {
        return figure(name, unit, value, Optional.empty());
    }

    private static Figure figure(String name, String unit, double value, Optional<Mark> mark) {
        return new Figure(name, unit, List.of(value), mark);
    }
}
