package dev.nereid.tools.check;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.LoadOverride;
import dev.nereid.isolation.IsolatingEngine;
import java.util.Map;
import java.util.Optional;

/** Loads models as a server would, one after the other and each in a process of its own, which may well end with it. */
final class LoadCheck implements AutoCloseable {
    private final Engine engine;

    private LoadCheck(Engine engine) {
        this.engine = engine;
    }

    static LoadCheck start(CheckOptions options) {
        EngineOptions defaults = EngineOptions.DEFAULT;
        Engine engine = IsolatingEngine.create(defaults
                .with(defaults.repository().withDirectories(options.repositories())
                        .withAutoComplete(options.isAutoCompleteOn()).withConfigName(options.configName()))
                .with(defaults.loading().withMode(ControlMode.EXPLICIT))
                .with(defaults.backends().withSources(BackendSource.directory(options.backendDirectory().orElseThrow()))
                        // The second is for models that say themselves that they want no process of their own.
                        .withSettings(Map.of("", Map.of("isolation", "process", "load-check", "process")))));
        boolean ignored = engine.start().isEmpty();
        return new LoadCheck(engine);
    }

    /** Loads a model, with its instances and its warm-up, and unloads it. Returns why it can't be loaded. */
    Optional<String> problem(String model) {
        try {
            engine.load(model, LoadOverride.NONE);
            return Optional.empty();
        } catch (InferenceException e) {
            return Optional.of(e.getMessage().strip());
        } finally {
            engine.unload(model, false);
        }
    }

    @Override
    public void close() {
        engine.close();
    }
}
