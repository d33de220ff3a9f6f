package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.Map;

/** The protocol's errors for models that can't be loaded. */
final class LoadErrors {
    private LoadErrors() {
    }

    /** Returns the error for a model of which some versions failed, by version. */
    static InferenceException failed(String name, Map<Long, InferenceException> failures) {
        StringBuilder text = new StringBuilder();
        failures.forEach((version, failure) -> text.append("version ").append(version)
                .append(" is at UNAVAILABLE state: ").append(failure.reason()).append(';'));
        return failed(name, InferenceException.invalid(text.toString()));
    }

    /** Returns the error for a model that failed for that reason. */
    static InferenceException failed(String name, InferenceException cause) {
        return new InferenceException(StatusCode.INVALID_ARG,
                "load failed for model '" + name + "': " + cause.getMessage() + "\n", cause);
    }

    /** Returns the error for a load that comes too late. */
    static InferenceException stopping() {
        return InferenceException.unavailable("Server is stopping");
    }
}
