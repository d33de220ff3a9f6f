package dev.nereid.tools.check;

import dev.nereid.engine.plugin.BackendStatus;
import dev.nereid.engine.plugin.Backends;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Knows which backends there are. None is started.
 *
 * @param states by backend name, what the server would say about it
 */
record BackendCheck(Map<String, String> states) {
    private static final String GOOD = "available";

    BackendCheck {
        states = Map.copyOf(states);
    }

    /** Looks into a directory of backends. */
    static BackendCheck of(Path directory) {
        Map<String, String> states = new HashMap<>();
        try (Backends backends = new Backends(List.of(directory), Map.of())) {
            for (BackendStatus status : backends.statuses()) {
                states.put(status.name(), status.state());
            }
        }
        return new BackendCheck(states);
    }

    /** Returns why the server could not use the backend. */
    Optional<String> problem(String backend) {
        String state = states.getOrDefault(backend, "unable to find backend library for backend '" + backend
                + "', try specifying runtime on the model configuration.");
        return state.equals(GOOD) ? Optional.empty() : Optional.of(state);
    }
}
