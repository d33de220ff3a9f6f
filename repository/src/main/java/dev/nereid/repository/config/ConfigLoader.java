package dev.nereid.repository.config;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Takes a configuration through its stages, in the order in which each knows enough: read when the repository is
 * polled, given instances once the backend is known, completed and checked once the backend has seen the model.
 *
 * @param isAutoCompleteOn whether a model may lack a configuration, and backends may complete one
 * @param configName the name of a custom configuration in the directory {@code configs}; empty for none
 */
public record ConfigLoader(boolean isAutoCompleteOn, String configName) {
    /** Refuses names that cannot be the name of a file. */
    public ConfigLoader {
        if (!configName.isEmpty() && (!PathGuard.isModelName(configName) || configName.contains(" "))) {
            throw InferenceException.invalid("invalid model config name '" + Printable.escape(configName) + "'");
        }
    }

    /** Creates a loader with auto-complete on and no custom configuration. */
    public ConfigLoader() {
        this(true, "");
    }

    /** Reads, fills in and checks the configuration in a model's directory. */
    public ModelConfig poll(Path modelDirectory, String modelName) {
        Path file = ConfigReader.configFile(modelDirectory, configName);
        // With auto-complete a missing file is the same as an empty one.
        ModelConfig config = isAutoCompleteOn && Files.notExists(file)
                ? ModelConfig.getDefaultInstance()
                : ConfigReader.readFile(file);
        return prepare(config, modelDirectory, modelName);
    }

    /** Reads, fills in and checks the configuration that a load request brings. */
    public ModelConfig pollOverride(String json, Path modelDirectory, String modelName) {
        return prepare(ConfigReader.parseJson(json), modelDirectory, modelName);
    }

    private ModelConfig prepare(ModelConfig given, Path modelDirectory, String modelName) {
        try {
            return filled(given, modelDirectory, modelName);
        } catch (InferenceException e) {
            List<String> invisible = InvisibleCharacters.inValues(given);
            if (invisible.isEmpty()) {
                throw e;
            }
            throw new InferenceException(e.code(), e.getMessage() + "; " + invisible.getFirst(), e);
        }
    }

    private ModelConfig filled(ModelConfig given, Path modelDirectory, String modelName) {
        ModelConfig config = ConfigNormalizer.fillBackend(given, modelDirectory, modelName);
        config = ConfigNormalizer.fillDefaults(config, modelName);
        ConfigValidator.checkGeneral(config);
        if (!isAutoCompleteOn) {
            ConfigValidator.checkTensors(config);
        }
        ConfigValidator.checkDirectoryName(config, modelName);
        return config;
    }

    /**
     * Fills in and checks the instance groups, as soon as the backend's attributes are known, and checks what else the
     * backend relies on when it gets the model.
     */
    public static ModelConfig withInstances(ModelConfig config, Devices devices, BackendAttributes attributes) {
        ModelConfig filled = ConfigNormalizer.fillInstanceGroups(config, devices, attributes);
        ConfigValidator.checkInstanceGroups(filled, devices);
        ConfigValidator.checkForBackend(filled);
        return filled;
    }

    /** Takes over what the backend completed, if anything, and checks the whole. */
    public ModelConfig complete(ModelConfig config, Optional<dev.nereid.backend.api.config.ModelConfig> completed) {
        ModelConfig merged = isAutoCompleteOn && completed.isPresent()
                ? ModelConfigs.merge(config, completed.get())
                : config;
        ModelConfig filled = ConfigNormalizer.fillDefaults(merged, config.getName());
        ConfigValidator.checkGeneral(filled);
        ConfigValidator.checkTensors(filled);
        return filled;
    }
}
