package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.trace.RequestTrace;
import java.util.function.BooleanSupplier;

/** A model version that an ensemble uses. Threads: any. */
public interface Member {
    /** Returns its configuration. */
    ModelConfig config();

    /**
     * Returns a checked request that is ready to be submitted.
     *
     * @param isGone tells whether nobody waits for the answer any more
     * @param trace notes the request's way
     * @throws dev.nereid.backend.api.InferenceException what is wrong with it
     */
    ActiveRequest admit(RequestData data, ResponseListener listener, BooleanSupplier isGone,
            RequestTrace trace);

    /**
     * Brings a request that was admitted to the queue.
     *
     * @throws dev.nereid.backend.api.InferenceException why it can't be taken; its listener gets nothing then
     */
    void submit(ActiveRequest request);

    /** Gives the version back, once. */
    void release();
}
