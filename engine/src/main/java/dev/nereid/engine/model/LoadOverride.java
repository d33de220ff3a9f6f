package dev.nereid.engine.model;

import java.util.Map;
import java.util.Optional;

/**
 * What a load request brings along instead of what lies in the repository.
 *
 * @param config a configuration in JSON, in place of {@code config.pbtxt}
 * @param files the content of a model directory by {@code file:<path>}; the one in the repository is then not used
 */
public record LoadOverride(Optional<String> config, Map<String, byte[]> files) {
    /** Loads what lies in the repository. */
    public static final LoadOverride NONE = new LoadOverride(Optional.empty(), Map.of());

    /** Copies the map. */
    public LoadOverride {
        files = Map.copyOf(files);
    }

    /** Returns whether the repository is used as it is. */
    public boolean isEmpty() {
        return config.isEmpty() && files.isEmpty();
    }
}
