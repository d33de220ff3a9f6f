package dev.nereid.engine.plugin;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.engine.stats.BackendMetrics;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * A started backend. It stays until the server stops, unless it came with a model.
 *
 * @param name its name
 * @param backend the backend
 * @param attributes what it declares
 * @param classLoader the class loader of its code
 * @param metrics its own metrics
 * @param release what follows the close of a backend that came with a model
 */
public record LoadedBackend(String name, Backend backend, BackendAttributes attributes, ClassLoader classLoader,
        BackendMetrics.Owned metrics, Optional<Runnable> release) {
    /** Returns the same with what is used in place of the backend. */
    public LoadedBackend guardedBy(UnaryOperator<Backend> guard) {
        return new LoadedBackend(name, guard.apply(backend), attributes, classLoader, metrics, release);
    }

    /** Returns why its models can't answer now, where the backend works in another process; else empty. */
    public Optional<String> outage() {
        return backend instanceof HostedBackend hosted ? hosted.outage() : Optional.empty();
    }

    /** Says that a model is closed, or was never created. A backend that came with it is closed, too. */
    public void releaseModel() {
        if (release.isPresent()) {
            close();
        }
    }

    void close() {
        PluginCalls.close("backend '" + name + "'", classLoader, backend);
        metrics.close();
        release.ifPresent(Runnable::run);
    }
}
