package dev.nereid.engine.plugin;

import java.util.Map;

/**
 * What the start-up table says of a backend.
 *
 * @param name its name
 * @param path where it was found
 * @param settings what {@code --backend-config} gives it
 * @param state {@code available}, {@code loaded}, or what is wrong
 */
public record BackendStatus(String name, String path, Map<String, String> settings, String state) {
}
