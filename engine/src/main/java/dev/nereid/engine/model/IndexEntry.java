package dev.nereid.engine.model;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * A line of the repository index.
 *
 * @param name the model
 * @param version the version; empty for a model that was never loaded
 * @param state its state; empty for a model that was never loaded
 * @param reason why it is not serving; may be empty
 */
public record IndexEntry(String name, OptionalLong version, Optional<VersionState> state, String reason) {
}
