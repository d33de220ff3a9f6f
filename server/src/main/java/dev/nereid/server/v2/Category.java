package dev.nereid.server.v2;

import java.util.Arrays;
import java.util.List;

/** Kinds of requests, to which access can be restricted: {@code --http-restricted-api} and its like name them. */
public enum Category {
    /** Liveness and readiness. */
    HEALTH("health"),
    /** Server and model metadata. */
    METADATA("metadata"),
    /** Inference. */
    INFERENCE("inference"),
    /** Shared memory regions. */
    SHARED_MEMORY("shared-memory"),
    /** Model configuration. */
    MODEL_CONFIG("model-config"),
    /** Repository index, load and unload. */
    MODEL_REPOSITORY("model-repository"),
    /** Statistics. */
    STATISTICS("statistics"),
    /** Trace settings. */
    TRACE("trace"),
    /** Log settings. */
    LOGGING("logging");

    private final String flagName;

    Category(String flagName) {
        this.flagName = flagName;
    }

    /** Returns the name on the command line. */
    public String flagName() {
        return flagName;
    }

    /** Returns all names on the command line. */
    public static List<String> names() {
        return Arrays.stream(values()).map(Category::flagName).toList();
    }
}
