package dev.nereid.engine;

import java.util.OptionalLong;

/**
 * The state of a version of a model.
 *
 * @param model the model's name
 * @param version the version; empty for a model that was never asked for
 * @param state {@code READY}, {@code LOADING}, {@code UNLOADING} or {@code UNAVAILABLE}; empty for a model that was never
 *     asked for
 * @param reason why it is unavailable; empty where it is not
 */
public record ModelStatus(String model, OptionalLong version, String state, String reason) {
}
