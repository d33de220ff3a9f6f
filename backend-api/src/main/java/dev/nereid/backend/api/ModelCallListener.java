package dev.nereid.backend.api;

/** Takes the answers of a model that was called through {@link ModelCalls}. Implemented by a backend. */
@FunctionalInterface
@Experimental(since = "1.1")
public interface ModelCallListener {
    /**
     * Takes the next answer, which is the listener's to close, at any later time and also where this throws. Called on the
     * thread that made the call, for one answer after the other.
     *
     * @return whether to go on; false cancels the call, which is no error
     */
    boolean onResult(InferenceResult result);
}
