package dev.nereid.backend.api;

/**
 * Says which requests of a model share a batch, beyond what the server's dynamic batcher looks at (sizes, shapes, the set
 * of inputs): a limit on the tokens of a batch, or no two requests of different tenants.
 *
 * <p>A strategy belongs to one model version and lives as long as its {@link Model}; what it keeps from batch to batch
 * are its own fields. One thread at a time calls it, but not always the same. It is called while the model's queue
 * stands still: it must return within microseconds, and must not block, call other models or answer requests.
 */
public interface BatchingStrategy {
    /**
     * Begins a batch, with no requests yet. The server tries out batches: one that is begun need not be executed, and the
     * same requests come again while they wait for others.
     */
    BatchBuilder begin();

    /** A batch that is being put together. */
    interface BatchBuilder extends AutoCloseable {
        /**
         * Asks whether the next request may join; it may only be looked at. The first request of a batch joins in any
         * case, and is shown for its size to be counted. Where another may not join, or this throws, the batch ends
         * before it and leaves at once.
         */
        boolean include(InferenceRequest request);

        /** Ends the batch. Called once; throws nothing checked. */
        @Override
        default void close() {
        }
    }
}
