package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.InferenceException;
import java.util.Locale;

/** Reads the texts of parameters as the reference does. */
final class ParameterText {
    private ParameterText() {
    }

    static boolean bool(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "on", "1" -> true;
            case "false", "off", "0" -> false;
            default -> throw InferenceException.invalid("failed to convert '" + text + "' to boolean");
        };
    }

    static int integer(String text) {
        try {
            return Integer.parseInt(text.strip());
        } catch (NumberFormatException e) {
            throw InferenceException.invalid("failed to convert '" + text + "' to integral number");
        }
    }
}
