package dev.nereid.isolation;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.EngineOptions.BackendOptions;
import dev.nereid.engine.model.Engine;
import dev.nereid.isolation.host.ProcessHost;
import dev.nereid.isolation.settings.IsolationSettings;

/** Makes engines whose models may work in processes of their own. */
public final class IsolatingEngine {
    private IsolatingEngine() {
    }

    /**
     * Creates an engine; no model is loaded yet. What the settings of backends say of isolation is meant here, and the
     * backends don't see it.
     *
     * @throws InferenceException when a setting of isolation can't be used, a repository is not a directory, or the response
     *     cache can't be opened
     */
    public static Engine create(EngineOptions options) {
        BackendOptions backends = options.backends();
        IsolationSettings settings = IsolationSettings.of(backends.settings());
        return Engine.create(options.with(backends.withSettings(settings.rest())), ProcessHost.create(settings,
                backends.directories(), options.limits().maxInFlightBytes()));
    }
}
