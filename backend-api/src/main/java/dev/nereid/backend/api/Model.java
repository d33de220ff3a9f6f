package dev.nereid.backend.api;

import dev.nereid.backend.api.config.ModelConfig;
import java.util.List;
import java.util.Optional;

/** A loaded model version: what its instances share, such as weights. */
public interface Model extends AutoCloseable {
    /**
     * Returns the configuration with what the backend could read from the model's files filled in, or empty when there
     * is nothing to fill in. Asked once, right after creation, and only where {@link ModelContext#autoComplete()} is
     * true. A backend may fill in {@code max_batch_size}, inputs, outputs, the scheduling choice where none was made,
     * and whether the model is decoupled.
     */
    default Optional<ModelConfig> completedConfig() {
        return Optional.empty();
    }

    /**
     * Returns what decides, beside the server, which requests share a batch; empty where the server alone does. Asked
     * once, after {@link #completedConfig()}, and only for models with dynamic batching.
     */
    default Optional<BatchingStrategy> batchingStrategy() {
        return Optional.empty();
    }

    /**
     * Creates one instance. Called on the instance's own thread where the backend is confined to it; for several
     * instances at once only where {@link BackendAttributes#parallelInstanceLoading()} allows it.
     *
     * @throws InferenceException when the instance can't be created; instances that exist are then closed again
     */
    ModelInstance createInstance(InstanceContext context);

    /**
     * Returns the memory that the model and its instances occupy now, as far as the backend knows it; empty where it
     * does not. Entries of one placement are added up. Asked by the statistics endpoint once the model is loaded, from any
     * thread, also while instances are created, executed or closed, so it should not wait for any of that.
     */
    default List<MemoryUsage> memoryUsage() {
        return List.of();
    }

    /** Releases what the instances shared. Called once, after all of them are closed. */
    @Override
    default void close() {
    }
}
