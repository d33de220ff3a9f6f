package dev.nereid.backend.api.config;

import dev.nereid.backend.api.InferenceException;
import java.util.Locale;

/** Reads the texts of settings and parameters as the reference does. */
public final class ParameterText {
    private ParameterText() {
    }

    /**
     * Returns what {@code true}, {@code on}, {@code 1}, {@code false}, {@code off} or {@code 0} mean, in any case.
     *
     * @throws InferenceException INVALID_ARG for any other text
     */
    public static boolean bool(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "on", "1" -> true;
            case "false", "off", "0" -> false;
            default -> throw InferenceException.invalid("failed to convert '" + text + "' to boolean");
        };
    }

    /**
     * Returns the integer that a text is, with spaces around it or not.
     *
     * @throws InferenceException INVALID_ARG when it is none, or has more than 32 bits
     */
    public static int integer(String text) {
        try {
            return Integer.parseInt(text.strip());
        } catch (NumberFormatException e) {
            throw InferenceException.invalid("failed to convert '" + text + "' to integral number");
        }
    }
}
