package dev.nereid.backend.api.config;

import java.util.Map;

/**
 * A hook that runs when the model is loaded and unloaded.
 *
 * @param name the agent
 * @param parameters its settings
 */
public record RepositoryAgent(String name, Map<String, String> parameters) {
    /** Copies the map. */
    public RepositoryAgent {
        parameters = Map.copyOf(parameters);
    }
}
