package dev.nereid.backend.api;

/**
 * Inference on other models of the same server, from inside a backend: business logic in plain Java that has a detector
 * find, a classifier name, and puts both answers together. Implemented by the server; from {@link ModelContext#models()}.
 *
 * <p>A model calls while it executes a batch, on the thread that the server called {@code execute} on. It may also call
 * from threads that it waits for there, to have several models compute at once, and from threads that answer requests
 * later. Calls are not for the time of loading:
 * other models need not be loaded by then, and a model that needs another is not loaded with it.
 *
 * <h2>Waiting</h2>
 *
 * A call waits in the queue of the called model like any other request, under the same bounds: that is the
 * back-pressure. Meanwhile the calling instance is busy, so that the calling model's own queue fills and its clients
 * are turned away in turn. A backend keeps no queue of its own.
 *
 * <h2>No deadlock</h2>
 *
 * An instance that waits for another model is not free. So models that wait for one another in a circle would wait for
 * ever, and the server refuses, with UNSUPPORTED, the call that would close a circle: of a model to itself, to another
 * version of itself, to an ensemble that contains it, or to a model that is, for whatever request, waiting for it. Let
 * calls go one way.
 */
@FunctionalInterface
public interface ModelCalls {
    /**
     * Has a model answer and waits for the answer.
     *
     * <p>The inputs must stay as they are until this returns; they may lie in any memory of the host. The caller owns
     * the result and closes it.
     *
     * @throws InferenceException NOT_FOUND when the model is not loaded; UNAVAILABLE when its queue is full or it is
     *     being unloaded; CANCELLED when all clients that it is called for have gone; UNSUPPORTED when the call would
     *     close a circle, or the model is decoupled; INVALID_ARG when the inputs don't fit; else the model's own error
     */
    InferenceResult infer(ModelCall call);

    /**
     * Has a model answer any number of times, hands each answer on as it comes, and returns after the last. For decoupled
     * models and all others.
     *
     * <p>Where the listener wants no more, or throws, the request is cancelled, what still comes is dropped, and this
     * returns, or throws the same, once the called model has ended it; so does a call whose clients have all gone. The called
     * model does not wait for the listener: answers that can't be handed on yet wait here, and count, together with those that
     * are not closed, against the server's bound on what is left unread of one request.
     *
     * <p>The inputs must stay as they are until this returns; they may lie in any memory of the host.
     *
     * @param listener gets the answers on the calling thread, which it may hold up
     * @throws InferenceException as {@link #infer(ModelCall)}, but not because the model is decoupled; after the answers that
     *     the model gave before it failed; UNAVAILABLE when too much was left unread; UNSUPPORTED where the server can't do
     *     this
     */
    @Experimental(since = "1.1")
    default void infer(ModelCall call, ModelCallListener listener) {
        throw InferenceException.unsupported("models can't be called for any number of answers here");
    }
}
