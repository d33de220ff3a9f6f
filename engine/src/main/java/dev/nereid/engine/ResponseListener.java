package dev.nereid.engine;

import dev.nereid.backend.api.InferenceException;
import org.jspecify.annotations.Nullable;

/**
 * Takes the answers to a request: any number of responses, then exactly one end.
 *
 * <p>Threads: one call after the other, each from any thread, such as that of a model instance; never under a lock of the
 * engine. A call must neither block nor throw, since other requests wait for the thread; what takes long belongs on a
 * thread of the listener's own. The request's inputs, and the memory that they lie in, must stay as they are until the
 * end.
 */
public interface ResponseListener {
    /**
     * Takes a response, which is the listener's to close, from any thread and at any later time.
     *
     * @param isLast whether the end follows at once; false does not promise another response
     */
    void response(Response response, boolean isLast);

    /**
     * Takes the end. Nothing follows.
     *
     * @param error why the request failed; null where it succeeded
     */
    void end(@Nullable InferenceException error);
}
