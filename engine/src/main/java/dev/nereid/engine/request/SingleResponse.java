package dev.nereid.engine.request;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Takes the one response to a request. Written by whoever ends the request, read by the waiting thread after that. */
public final class SingleResponse extends WaitingListener {
    private @Nullable Response first;
    private List<Response> more = List.of();
    private @Nullable InferenceException error;

    @Override
    public void response(Response response, boolean isLast) {
        if (first == null) {
            first = response;
            return;
        }
        if (more.isEmpty()) {
            more = new ArrayList<>();
        }
        more.add(response);
    }

    @Override
    public void end(@Nullable InferenceException failure) {
        error = failure;
        ended();
    }

    private int count() {
        return first == null ? 0 : 1 + more.size();
    }

    private void closeAll() {
        if (first != null) {
            first.close();
            first = null;
        }
        more.forEach(Response::close);
        more = List.of();
    }

    /** Releases all responses and returns what went wrong; other than one response is wrong unless decoupled. */
    public Optional<InferenceException> closeAll(boolean isDecoupled) {
        int count = count();
        closeAll();
        if (error == null && count != 1 && !isDecoupled) {
            return Optional.of(wrongNumber(count));
        }
        return Optional.ofNullable(error);
    }

    /**
     * Returns the response, which is the caller's to close.
     *
     * @throws InferenceException why the request failed; INTERNAL where it had another number of responses than one
     */
    public Response get() {
        Response result = first;
        if (error == null && result != null && more.isEmpty()) {
            return result;
        }
        int count = count();
        closeAll();
        throw error != null ? error : wrongNumber(count);
    }

    private static InferenceException wrongNumber(int count) {
        return InferenceException.internal("expected a single response, got " + count);
    }
}
