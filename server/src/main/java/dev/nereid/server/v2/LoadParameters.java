package dev.nereid.server.v2;

import dev.nereid.engine.model.LoadOverride;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The parameters of a load request, which a front end fills in. For one thread. */
public final class LoadParameters {
    /** Names the parameter that is the model's configuration. */
    public static final String CONFIG = "config";
    private static final String FILE_PREFIX = "file:";

    private Optional<String> config = Optional.empty();
    private final Map<String, byte[]> files = new LinkedHashMap<>();

    /** Returns whether a parameter of that name is a file of the model. */
    public static boolean isFile(String name) {
        return name.startsWith(FILE_PREFIX);
    }

    /** Sets the configuration, in JSON. */
    public void config(String json) {
        config = Optional.of(json);
    }

    /**
     * Adds a file.
     *
     * @param name the parameter's name, one that {@link #isFile names a file}
     */
    public void file(String name, byte[] content) {
        files.put(name, content);
    }

    LoadOverride override() {
        return new LoadOverride(config, files);
    }
}
