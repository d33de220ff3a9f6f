package dev.nereid.backend.api;

import java.nio.file.Path;
import java.util.Map;

/** What the server tells a backend when it starts. Implemented by the server; valid until the backend is closed. */
public interface BackendContext {
    /** Returns the backend's name as models use it. */
    String name();

    /** Returns the directory that holds the plugin: files that came with it can be read from there. */
    Path directory();

    /** Returns the contract version that this server offers. */
    ApiVersion serverApi();

    /**
     * Returns the settings from {@code --backend-config=<name>,<key>=<value>}, laid over the global ones from
     * {@code --backend-config=,<key>=<value>}.
     */
    Map<String, String> settings();

    /**
     * Returns where the backend's own metrics are registered.
     *
     * @implSpec By default this is refused with UNSUPPORTED.
     */
    default Metrics metrics() {
        throw InferenceException.unsupported("metrics can't be registered here");
    }

    /**
     * Returns the memory through which tensors go to a GPU and back.
     *
     * @implSpec By default that is plain host memory.
     */
    default StagingMemory stagingMemory() {
        return StagingMemory.PLAIN;
    }
}
