package dev.nereid.isolation.wire;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;

/**
 * An error on its way to the other process.
 *
 * @param code its code
 * @param text its message
 */
public record Failure(StatusCode code, String text) {
    /** Returns what is sent of an error; its stack stays in the log of the process in which it happened. */
    public static Failure of(InferenceException error) {
        return new Failure(error.code(), error.getMessage());
    }

    /** Returns the error as the other process throws it. */
    public InferenceException exception() {
        return new InferenceException(code, text);
    }
}
