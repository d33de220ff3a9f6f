package dev.nereid.engine.request;

import dev.nereid.backend.api.tensor.Tensor;

/** Takes those outputs of a response that the server keeps for the next request of the sequence. Used by one thread at a time. */
public interface StateSink {
    /** Returns whether an output is a state. */
    boolean takes(String output);

    /**
     * Takes a state, when the response that it was added to is sent.
     *
     * @param output as the backend made it; its memory stays as it is until {@code release} runs
     * @param release gives the memory back; the sink runs it once, also where it throws
     * @throws dev.nereid.backend.api.InferenceException when the state can't be kept
     */
    void store(Tensor output, Runnable release);
}
