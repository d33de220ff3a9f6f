package dev.nereid.backend.texttagger;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;

/**
 * How much work a text may make.
 *
 * @param textBytes {@code max_text_bytes}: the longest text
 * @param steps {@code max_steps}: how many characters the search of one pattern in one text may look at
 */
record TaggerLimits(int textBytes, int steps) {
    private static final int DEFAULT_TEXT_BYTES = 1 << 20;
    private static final int DEFAULT_STEPS = 10_000_000;

    static TaggerLimits of(ModelConfig config) {
        return new TaggerLimits(positive(config, "max_text_bytes", DEFAULT_TEXT_BYTES),
                positive(config, "max_steps", DEFAULT_STEPS));
    }

    private static int positive(ModelConfig config, String parameter, int otherwise) {
        double number = config.numberParameter(parameter, otherwise);
        if (number != Math.rint(number) || number < 1 || number > Integer.MAX_VALUE) {
            throw InferenceException.invalid("parameter '" + parameter + "' is '" + config.parameters().get(parameter)
                    + "', expected a whole number from 1 to " + Integer.MAX_VALUE);
        }
        return (int) number;
    }
}
