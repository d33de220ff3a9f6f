package dev.nereid.backend.pytorch;

import java.util.Map;

/**
 * Settings of the whole backend, from {@code --backend-config=pytorch,<key>=<value>}.
 *
 * @param cores how many cores the CPU instances share
 */
record TorchSettings(int cores) {
    /** The key for the number of cores to use; without it, those that the process may use. */
    static final String CORES = "cpu-cores";

    static TorchSettings parse(Map<String, String> settings) {
        // The JVM knows the limits of the container, libtorch doesn't.
        int usable = Runtime.getRuntime().availableProcessors();
        String text = settings.get(CORES);
        int cores = text == null ? usable : ParameterText.integer(text);
        return new TorchSettings(cores > 0 ? cores : usable);
    }
}
