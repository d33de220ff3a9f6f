package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.BackendAttributes.ExecutionPolicy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ParameterText;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Settings of the whole backend, from {@code --backend-config=tensorrt,<key>=<value>}.
 *
 * @param libraryPath a directory with TensorRT's libraries
 * @param plugins libraries of custom layers
 * @param versionCompatible whether engines may bring code of their own, as version-compatible ones do
 * @param executionPolicy how many threads drive the instances of one GPU
 */
record TrtSettings(Optional<Path> libraryPath, List<String> plugins, boolean versionCompatible,
        ExecutionPolicy executionPolicy) {
    /** The key for the directory with TensorRT's libraries. */
    static final String LIBRARY_PATH = "library-path";
    /** The key for libraries of custom layers, separated by semicolons. */
    static final String PLUGINS = "plugins";
    /** The key that allows engines with code of their own. Only for engines that are trusted. */
    static final String VERSION_COMPATIBLE = "version-compatible";
    /**
     * The key for how many threads drive the instances of one GPU: BLOCKING for one each, which is the default since an
     * execution ends with the answers, so that instances overlap; or DEVICE_BLOCKING for one together.
     */
    static final String EXECUTION_POLICY = "execution-policy";

    TrtSettings {
        plugins = List.copyOf(plugins);
    }

    /**
     * Reads the settings.
     *
     * @throws InferenceException INVALID_ARG when a value can't be used
     */
    static TrtSettings parse(Map<String, String> settings) {
        String directory = settings.getOrDefault(LIBRARY_PATH, "");
        List<String> plugins = Arrays.stream(settings.getOrDefault(PLUGINS, "").split(";", -1)).map(String::strip)
                .filter(plugin -> !plugin.isEmpty()).toList();
        return new TrtSettings(directory.isEmpty() ? Optional.empty() : Optional.of(Path.of(directory)), plugins,
                ParameterText.bool(settings.getOrDefault(VERSION_COMPATIBLE, "false")),
                policy(settings.getOrDefault(EXECUTION_POLICY, "BLOCKING")));
    }

    private static ExecutionPolicy policy(String text) {
        return switch (text) {
            case "DEVICE_BLOCKING" -> ExecutionPolicy.DEVICE_BLOCKING;
            case "BLOCKING" -> ExecutionPolicy.BLOCKING;
            default -> throw InferenceException.invalid("execution-policy of backend 'tensorrt' is '" + text
                    + "', expected DEVICE_BLOCKING or BLOCKING");
        };
    }
}
