package dev.nereid.backend.api.batch;

import dev.nereid.backend.api.InferenceRequest;

/** The request id as error texts show it. */
public final class RequestIds {
    private RequestIds() {
    }

    /** Returns {@code "[request id: <id>] "}, with {@code <id_unknown>} for a request without one. */
    public static String prefix(InferenceRequest request) {
        return prefix(request.id());
    }

    /** Returns {@code "[request id: <id>] "}, with {@code <id_unknown>} for an empty id. */
    public static String prefix(String id) {
        return "[request id: " + (id.isEmpty() ? "<id_unknown>" : id) + "] ";
    }
}
