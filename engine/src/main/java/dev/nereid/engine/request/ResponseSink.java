package dev.nereid.engine.request;

import dev.nereid.backend.api.InferenceException;

/** Where the answers to a request go. Called by one thread at a time; must neither block nor throw. */
public interface ResponseSink {
    /** Takes a response; the sink closes it. */
    void response(InferenceResult result, boolean isFinal);

    /** Takes the error that ends the request. */
    void failure(InferenceException error);

    /** Takes the end of a decoupled request whose last response was already sent. */
    void end();
}
