package dev.nereid.server.plugin;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;

/**
 * A started backend. It stays until the server stops.
 *
 * @param name its name
 * @param backend the backend
 * @param attributes what it declares
 * @param classLoader the class loader of its code
 */
public record LoadedBackend(String name, Backend backend, BackendAttributes attributes, ClassLoader classLoader) {
}
