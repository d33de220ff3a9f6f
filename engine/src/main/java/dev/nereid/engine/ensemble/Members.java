package dev.nereid.engine.ensemble;

import java.util.OptionalLong;

/** Where an ensemble finds the models that it consists of. Threads: any. */
public interface Members {
    /**
     * Returns the version that serves now, which stays loaded until it is given back.
     *
     * @param version empty for the highest that is ready
     * @throws dev.nereid.backend.api.InferenceException NOT_FOUND or UNAVAILABLE where there is none
     */
    Member take(String model, OptionalLong version);
}
