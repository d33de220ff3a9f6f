package dev.nereid.backend.identity;

import dev.nereid.backend.api.InferenceException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * The parameters of a model configuration that this backend knows.
 *
 * @param executeDelay {@code execute_delay_ms}: how long each execution takes
 * @param instanceStartDelay {@code instance_start_delay_ms}: how long the creation of each instance takes
 * @param failEveryN {@code fail_every_n}: which executions of an instance fail; 0 for none
 * @param failOnLoad {@code fail_on_load}: the text with which loading the model fails
 */
record IdentitySettings(Duration executeDelay, Duration instanceStartDelay, long failEveryN,
        Optional<String> failOnLoad) {

    static IdentitySettings parse(Map<String, String> parameters) {
        return new IdentitySettings(Duration.ofMillis(count(parameters, "execute_delay_ms")),
                Duration.ofMillis(count(parameters, "instance_start_delay_ms")), count(parameters, "fail_every_n"),
                Optional.ofNullable(parameters.get("fail_on_load")));
    }

    private static long count(Map<String, String> parameters, String name) {
        String text = parameters.getOrDefault(name, "0");
        long value;
        try {
            value = Long.parseLong(text);
        } catch (NumberFormatException e) {
            value = -1;
        }
        if (value < 0) {
            throw InferenceException.invalid(
                    "parameter '" + name + "' is '" + text + "', expected a whole number that is not negative");
        }
        return value;
    }
}
