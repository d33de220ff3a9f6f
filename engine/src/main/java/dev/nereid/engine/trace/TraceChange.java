package dev.nereid.engine.trace;

import java.util.Set;

/**
 * A change of trace settings.
 *
 * @param levels what is noted
 * @param rate one request in so many is traced; unsigned
 * @param count how many more requests are traced
 * @param logFrequency how many traces go to one file
 */
public record TraceChange(Value<Set<TraceLevel>> levels, Value<Integer> rate, Value<Integer> count,
        Value<Integer> logFrequency) {

    /**
     * What becomes of one setting.
     *
     * @param <T> the setting's type
     */
    public sealed interface Value<T> {
    }

    /**
     * It stays.
     *
     * @param <T> the setting's type
     */
    public record Kept<T>() implements Value<T> {
    }

    /**
     * It becomes the value that it falls back to: the global one for a model, the one of the command line for all.
     *
     * @param <T> the setting's type
     */
    public record Cleared<T>() implements Value<T> {
    }

    /**
     * It becomes that value.
     *
     * @param <T> the setting's type
     * @param value the value
     */
    public record Changed<T>(T value) implements Value<T> {
    }
}
