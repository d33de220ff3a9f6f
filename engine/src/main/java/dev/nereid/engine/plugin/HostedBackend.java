package dev.nereid.engine.plugin;

import dev.nereid.backend.api.Backend;
import java.util.Optional;

/** Stands for a backend in another process, which may end at any time and come back. Serves one model version. */
public interface HostedBackend extends Backend {
    /** Returns why the model can't answer now; empty where it can. Returns at once; from any thread. */
    Optional<String> outage();
}
