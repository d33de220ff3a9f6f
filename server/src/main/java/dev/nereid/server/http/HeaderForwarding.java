package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import io.helidon.http.Header;
import io.helidon.http.Headers;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Turns request headers into request parameters (v2-http, 5.10). */
final class HeaderForwarding {
    private static final Set<String> RESERVED = Set.of("sequence_id", "sequence_start", "sequence_end", "priority",
            "timeout", "headers", "binary_data_output");

    private final Optional<Pattern> pattern;

    HeaderForwarding(Optional<String> pattern) {
        this.pattern = pattern.map(text -> Pattern.compile(text, Pattern.CASE_INSENSITIVE));
    }

    boolean isEnabled() {
        return pattern.isPresent();
    }

    Map<String, Parameter> parameters(Headers headers) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        for (Header header : headers) {
            String name = header.name();
            if (pattern.isPresent() && pattern.get().matcher(name).find()) {
                if (RESERVED.contains(name) || name.startsWith("triton_")) {
                    throw InferenceException.invalid(
                            "Header '" + name + "' is reserved for Triton usage and cannot be forwarded.");
                }
                parameters.put(name, Parameter.of(header.get()));
            }
        }
        return parameters;
    }
}
