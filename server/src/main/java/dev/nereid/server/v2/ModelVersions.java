package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.StrtolNumber;
import java.util.OptionalLong;

/** Versions of models as requests name them. */
public final class ModelVersions {
    private static final String EXPECTED = "version should be an integral value > 0";

    private ModelVersions() {
    }

    /**
     * Returns the version that a text names; empty for an empty one, which leaves the choice to the server.
     *
     * @throws InferenceException INVALID_ARG for a text that does not start with a number, and for a negative one
     */
    public static OptionalLong parse(String text) {
        if (text.isEmpty()) {
            return OptionalLong.empty();
        }
        StrtolNumber number = StrtolNumber.parseLong(text);
        if (!number.isNumber()) {
            throw InferenceException.invalid("failed to get model version from specified version string '" + text
                    + "' (details: stol), " + EXPECTED);
        }
        if (number.value() < 0) {
            throw InferenceException.invalid("invalid model version specified '" + text + "' , " + EXPECTED);
        }
        return OptionalLong.of(number.value());
    }
}
