package dev.nereid.backend.api.cache;

import dev.nereid.backend.api.Experimental;
import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/**
 * Keeps responses of all models. Threads: any. Requests wait for its methods, so each has to return within a short time,
 * whatever the cache depends on; where it can't do what is asked, it answers like an empty cache, and throws nothing.
 */
@Experimental(since = "1.1")
public interface ResponseCache extends AutoCloseable {
    /**
     * Returns whether other servers, or this one after its next start, find what is put here. Keys are then made of the
     * contents of models, so that they mean the same everywhere; else they are made for one load of a model.
     */
    boolean isShared();

    /** Returns the outputs of a response that was put there; the caller releases them after their last use. */
    Optional<Entry> get(CacheKey key);

    /**
     * Keeps a copy of outputs, all of which lie in host memory and none of which is empty. Returns false where that can't be,
     * as where they are too large. What is there under that key stays.
     *
     * @param outputs valid during the call only
     */
    boolean put(CacheKey key, List<Tensor> outputs);

    /**
     * Returns what the cache has done; empty where only its own metrics tell.
     *
     * @implSpec By default empty.
     */
    default Optional<CacheStatistics> statistics() {
        return Optional.empty();
    }

    /** Gives everything back that nobody uses any more. */
    @Override
    void close();

    /** Outputs that stay valid until they are given back, whatever the cache does meanwhile. */
    interface Entry {
        /** Returns the outputs, which must not be written. */
        List<Tensor> outputs();

        /** Adds a use; the caller has one. */
        void retain();

        /** Ends one use. */
        void release();
    }
}
