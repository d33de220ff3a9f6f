package dev.nereid.engine.model;

import dev.nereid.backend.api.Model;
import dev.nereid.engine.plugin.LoadedBackend;
import dev.nereid.engine.plugin.PluginCalls;
import dev.nereid.engine.stats.BackendMetrics;

/**
 * A model that a backend has created, and what goes with it.
 *
 * @param name the model's name
 * @param model the model
 * @param backend the backend that created it
 * @param metrics the model's own metrics
 */
record LoadedModel(String name, Model model, LoadedBackend backend, BackendMetrics.Owned metrics) {
    /** Closes the model; its instances are closed before. */
    void close() {
        PluginCalls.close("model '" + name + "'", backend.classLoader(), model);
        metrics.close();
    }
}
