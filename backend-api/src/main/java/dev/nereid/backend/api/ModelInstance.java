package dev.nereid.backend.api;

/**
 * An executable copy of a model on one device. Confined to its own server thread unless the backend declares
 * {@link BackendAttributes.ThreadConfinement#ANY_THREAD}; never called by two threads at once.
 */
public interface ModelInstance extends AutoCloseable {
    /**
     * Executes one batch and answers every request in it exactly once, each with a response or with an error. (A
     * decoupled model answers any number of times, then completes the request.) Throwing fails all requests that are
     * not yet answered and leaves the instance in use. A request whose backend said {@link InferenceRequest#answerLater()} is
     * answered when that is done with it, also after this method has returned.
     *
     * <p>Input segments are valid until the request is answered. No segment may be kept longer.
     */
    void execute(Batch batch);

    /** Returns whether the instance can serve; asked by the readiness endpoints, from any thread. */
    default boolean isReady() {
        return true;
    }

    /** Releases what the instance holds. Called once, after the last {@code execute} returned. */
    @Override
    default void close() {
    }
}
