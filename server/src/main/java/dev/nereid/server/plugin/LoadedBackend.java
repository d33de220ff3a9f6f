package dev.nereid.server.plugin;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.server.stats.BackendMetrics;

/**
 * A started backend. It stays until the server stops.
 *
 * @param name its name
 * @param backend the backend
 * @param attributes what it declares
 * @param classLoader the class loader of its code
 * @param metrics its own metrics
 */
public record LoadedBackend(String name, Backend backend, BackendAttributes attributes, ClassLoader classLoader,
        BackendMetrics.Owned metrics) {
    /** Closes the backend; all its models are closed before. */
    void close() {
        PluginCalls.close("backend '" + name + "'", classLoader, backend);
        metrics.close();
    }
}
