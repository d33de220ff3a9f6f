package dev.nereid.engine.cache;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/** Keeps responses of all models. Threads: any. A failure to keep or to find one must not fail the request. */
public interface ResponseCache extends AutoCloseable {
    /** Returns the outputs of a response that was put there; the caller closes them after their last use. */
    Optional<Entry> get(CacheKey key);

    /**
     * Keeps a copy of outputs. Returns false where that can't be, as where they are too large.
     *
     * @param outputs valid during the call only
     */
    boolean put(CacheKey key, List<Tensor> outputs);

    /** Returns what the cache has done. */
    CacheStatistics statistics();

    /** Gives the memory back that nobody uses any more. */
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
