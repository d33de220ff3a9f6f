package dev.nereid.server.lifecycle;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.scheduler.InferenceResult;
import dev.nereid.server.scheduler.ResponseSink;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Takes the answer to a request that has one response. Written by the engine, read after the request is done. */
final class Answer implements ResponseSink {
    private final List<InferenceResult> results = new ArrayList<>(1);
    private @Nullable InferenceException error;

    @Override
    public void response(InferenceResult result, boolean isFinal) {
        results.add(result);
    }

    @Override
    public void failure(InferenceException failure) {
        error = failure;
    }

    @Override
    public void end() {
    }

    /** Releases all responses and returns what went wrong; other than one response is wrong unless decoupled. */
    Optional<InferenceException> closeAll(boolean isDecoupled) {
        int count = results.size();
        results.forEach(InferenceResult::close);
        results.clear();
        if (error == null && count != 1 && !isDecoupled) {
            return Optional.of(InferenceException.internal("expected a single response, got " + count));
        }
        return Optional.ofNullable(error);
    }

    InferenceResult get() {
        InferenceException failure = error;
        if (failure != null || results.size() != 1) {
            int count = results.size();
            results.forEach(InferenceResult::close);
            throw failure != null
                    ? failure
                    : InferenceException.internal("expected a single response, got " + count);
        }
        return results.getFirst();
    }
}
