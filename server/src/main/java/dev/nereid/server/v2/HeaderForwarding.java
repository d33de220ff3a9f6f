package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Turns request headers into request parameters (v2-http, 5.10). Threads: any. */
public final class HeaderForwarding {
    private static final Set<String> RESERVED = Set.of("sequence_id", "sequence_start", "sequence_end", "priority",
            "timeout", "headers", "binary_data_output");

    private final Optional<Pattern> pattern;

    /**
     * Creates the rule.
     *
     * @param pattern finds the names of headers that are forwarded, in upper or lower case; empty for none
     */
    public HeaderForwarding(Optional<String> pattern) {
        this.pattern = pattern.map(text -> Pattern.compile(text, Pattern.CASE_INSENSITIVE));
    }

    /** Returns whether any header is forwarded. */
    public boolean isEnabled() {
        return pattern.isPresent();
    }

    /**
     * Adds a header to the parameters, where it is one that is forwarded.
     *
     * @throws InferenceException INVALID_ARG for one whose name means something else as a parameter
     */
    public void forward(String name, String value, Map<String, Parameter> parameters) {
        if (pattern.isEmpty() || !pattern.get().matcher(name).find()) {
            return;
        }
        if (RESERVED.contains(name) || name.startsWith("triton_")) {
            throw InferenceException.invalid(
                    "Header '" + name + "' is reserved for Triton usage and cannot be forwarded.");
        }
        parameters.put(name, Parameter.of(value));
    }
}
