package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.request.InferenceResult;
import dev.nereid.engine.request.ResponseSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Takes the answer to a request that has one response. Written by the engine, read after the request is done. */
final class Answer implements ResponseSink {
    private @Nullable InferenceResult first;
    private List<InferenceResult> more = List.of();
    private @Nullable InferenceException error;

    @Override
    public void response(InferenceResult result, boolean isFinal) {
        if (first == null) {
            first = result;
            return;
        }
        if (more.isEmpty()) {
            more = new ArrayList<>();
        }
        more.add(result);
    }

    @Override
    public void failure(InferenceException failure) {
        error = failure;
    }

    @Override
    public void end() {
    }

    private int count() {
        return first == null ? 0 : 1 + more.size();
    }

    private void closeAll() {
        if (first != null) {
            first.close();
            first = null;
        }
        more.forEach(InferenceResult::close);
        more = List.of();
    }

    /** Releases all responses and returns what went wrong; other than one response is wrong unless decoupled. */
    Optional<InferenceException> closeAll(boolean isDecoupled) {
        int count = count();
        closeAll();
        if (error == null && count != 1 && !isDecoupled) {
            return Optional.of(InferenceException.internal("expected a single response, got " + count));
        }
        return Optional.ofNullable(error);
    }

    InferenceResult get() {
        InferenceResult result = first;
        if (error == null && result != null && more.isEmpty()) {
            return result;
        }
        int count = count();
        closeAll();
        throw error != null ? error : InferenceException.internal("expected a single response, got " + count);
    }
}
