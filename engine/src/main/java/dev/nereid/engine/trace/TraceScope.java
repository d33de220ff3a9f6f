package dev.nereid.engine.trace;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The own settings of all models or of one, and how many requests it has seen. Guarded by the lock of {@link Tracer}. */
final class TraceScope {
    private @Nullable Set<TraceLevel> levels;
    private @Nullable Integer rate;
    private @Nullable Integer count;
    private @Nullable Integer logFrequency;
    private int seen;

    /** Returns a scope without own settings. */
    static TraceScope empty() {
        return new TraceScope();
    }

    /** Returns a scope with all settings. */
    static TraceScope of(TraceSettings settings) {
        TraceScope scope = new TraceScope();
        scope.levels = settings.levels();
        scope.rate = settings.rate();
        scope.count = settings.count();
        scope.logFrequency = settings.logFrequency();
        return scope;
    }

    /** Returns this scope after a change. */
    TraceScope with(TraceChange change) {
        TraceScope changed = new TraceScope();
        changed.levels = value(levels, change.levels());
        changed.rate = value(rate, change.rate());
        changed.count = value(count, change.count());
        changed.logFrequency = value(logFrequency, change.logFrequency());
        return changed;
    }

    private static <T> @Nullable T value(@Nullable T own, TraceChange.Value<T> change) {
        return switch (change) {
            case TraceChange.Kept<T> _ -> own;
            case TraceChange.Cleared<T> _ -> null;
            case TraceChange.Changed<T> changed -> changed.value();
        };
    }

    /** Returns whether nothing is its own. */
    boolean isEmpty() {
        return levels == null && rate == null && count == null && logFrequency == null;
    }

    /** Returns whether it has a count of its own. */
    boolean hasCount() {
        return count != null;
    }

    /** Returns the settings that hold, those that are not its own from the fallback. */
    TraceSettings over(TraceSettings fallback) {
        return new TraceSettings(levels == null ? fallback.levels() : levels, rate == null ? fallback.rate() : rate,
                count == null ? fallback.count() : count,
                logFrequency == null ? fallback.logFrequency() : logFrequency);
    }

    /** Takes the next request and returns whether it is one that the rate, which is unsigned, selects. */
    boolean selects(int effectiveRate) {
        seen = Integer.remainderUnsigned(seen + 1, effectiveRate == 0 ? 1 : effectiveRate);
        return seen == 0;
    }

    /** Notes that one of the counted traces is used up. */
    void countDown() {
        Integer left = count;
        if (left != null && left > 0) {
            count = left - 1;
        }
    }
}
