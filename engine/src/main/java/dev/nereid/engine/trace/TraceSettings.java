package dev.nereid.engine.trace;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * Which requests are traced, and how.
 *
 * @param levels what is noted; empty for no tracing
 * @param rate one request in so many is traced; unsigned
 * @param count how many more requests are traced; -1 for no limit
 * @param logFrequency how many traces go to one file; 0 for all
 */
public record TraceSettings(Set<TraceLevel> levels, int rate, int count, int logFrequency) {
    /** What holds where nothing was said: off. */
    public static final TraceSettings DEFAULT = new TraceSettings(Set.of(), 1000, -1, 0);

    /** Copies the levels. */
    public TraceSettings {
        EnumSet<TraceLevel> sorted = EnumSet.noneOf(TraceLevel.class);
        sorted.addAll(levels);
        levels = Collections.unmodifiableSet(sorted);
    }

    /** Returns whether requests may be traced. */
    public boolean isOn() {
        return !levels.isEmpty();
    }
}
