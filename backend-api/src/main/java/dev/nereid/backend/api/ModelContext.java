package dev.nereid.backend.api;

import dev.nereid.backend.api.config.ModelConfig;
import java.nio.file.Path;

/** What the server tells a backend about a model to load. Implemented by the server; valid until the model is closed. */
public interface ModelContext {
    /** Returns the model's name. */
    String name();

    /** Returns the version to load. */
    long version();

    /** Returns the model's directory: label files and warm-up data lie there. */
    Path modelDirectory();

    /** Returns the directory of the version to load: the model's file lies there. */
    Path versionDirectory();

    /** Returns the configuration, with the defaults filled in that need no knowledge of the model's files. */
    ModelConfig config();

    /** Returns whether the backend should complete the configuration from the model's files. */
    boolean autoComplete();

    /**
     * Returns what calls other models. The same object serves all instances of the model, from any thread.
     *
     * @implSpec By default every call is refused with UNSUPPORTED.
     */
    default ModelCalls models() {
        return call -> {
            throw InferenceException.unsupported("models can't call other models here");
        };
    }

    /**
     * Returns where the model's own metrics are registered.
     *
     * @implSpec By default this is refused with UNSUPPORTED.
     */
    default Metrics metrics() {
        throw InferenceException.unsupported("metrics can't be registered here");
    }
}
