package dev.nereid.engine;

import dev.nereid.backend.api.config.ModelConfig;

/**
 * A version of a model that is ready.
 *
 * @param model the model's name
 * @param number the version
 * @param config its configuration, completed and normalised
 */
public record ModelVersion(String model, long number, ModelConfig config) {
}
