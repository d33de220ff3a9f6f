package dev.nereid.json;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/** Access to members whose errors name the member: {@code Unable to parse 'name': ...}. */
public final class JsonAccess {
    private JsonAccess() {
    }

    /** Reads a member that must be there. */
    public static <T> T required(JsonValue object, String name, Function<JsonValue, T> read) {
        try {
            return read.apply(object.member(name));
        } catch (InferenceException failure) {
            throw prefix("Unable to parse '" + name + "'", failure);
        }
    }

    /** Reads a member that may be absent. */
    public static <T> T optional(Optional<JsonValue> object, String name, Function<JsonValue, T> read, T absent) {
        Optional<JsonValue> value = object.isPresent() ? object.get().find(name) : Optional.empty();
        return value.isEmpty() ? absent : parsed(value.get(), name, read);
    }

    /** Reads a value. */
    public static <T> T parsed(JsonValue value, String name, Function<JsonValue, T> read) {
        try {
            return read.apply(value);
        } catch (InferenceException failure) {
            throw prefix("Unable to parse '" + name + "'", failure);
        }
    }

    public static <T> T prefixed(String prefix, Supplier<T> read) {
        try {
            return read.get();
        } catch (InferenceException failure) {
            throw prefix(prefix, failure);
        }
    }

    public static InferenceException prefix(String prefix, InferenceException failure) {
        return new InferenceException(failure.code(), prefix + ": " + failure.getMessage(), failure);
    }

    /** Reads a parameter that the client made up. */
    public static Parameter parameter(String name, JsonValue value) {
        if (value.isString()) {
            return Parameter.of(value.asString());
        }
        if (value.isBoolean()) {
            return Parameter.of(value.asBoolean());
        }
        if (value.isNumber()) {
            return value.isLong() ? Parameter.of(value.asLong()) : Parameter.of(value.asDouble());
        }
        throw InferenceException.invalid(
                "parameter '" + name + "' has invalid type. It should be either 'int', 'bool', or 'string'.");
    }
}
