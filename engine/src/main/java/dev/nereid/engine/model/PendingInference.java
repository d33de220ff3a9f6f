package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import dev.nereid.engine.request.SingleResponse;

/**
 * A request that a version has taken, and whose one answer is waited for. What goes wrong from here on is the answer to this
 * request and no reason to try it again with another version. {@link #await()} is called once, by the thread that began it.
 */
public final class PendingInference {
    private final ServedVersion version;
    private final SingleResponse answer;
    private final InferenceClient client;

    PendingInference(ServedVersion version, SingleResponse answer, InferenceClient client) {
        this.version = version;
        this.answer = answer;
        this.client = client;
    }

    /** Returns the version that executes the request. */
    public ServedVersion version() {
        return version;
    }

    /**
     * Waits for the response, which is the caller's to close. The waiting thread may be lent to execute.
     *
     * @throws InferenceException why the request failed
     */
    public Response await() {
        try {
            answer.await();
        } finally {
            client.answered();
        }
        return answer.get();
    }
}
