package dev.nereid.tools.check;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Something that is wrong with a model.
 *
 * @param model the model's name
 * @param isError whether a server would refuse the model
 * @param text the server's own words
 */
record Problem(String model, boolean isError, String text) {
    private static final Pattern POSITION = Pattern
            .compile("failed to read text proto from (.+?): line (\\d+), column (\\d+): .*", Pattern.DOTALL);

    static Problem error(String model, String text) {
        return new Problem(model, true, text);
    }

    static Problem warning(String model, String text) {
        return new Problem(model, false, text);
    }

    /** Returns the problem on one line; where the place is known, with the place as editors understand it. */
    String line() {
        Matcher position = POSITION.matcher(text);
        return model + ": " + (isError ? "error" : "warning") + ": " + text.replace('\n', ' ')
                + (position.matches()
                        ? " (" + position.group(1) + ":" + position.group(2) + ":" + position.group(3) + ")"
                        : "");
    }
}
