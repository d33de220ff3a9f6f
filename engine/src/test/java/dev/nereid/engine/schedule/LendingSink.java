package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import dev.nereid.engine.request.WaitingListener;
import org.jspecify.annotations.Nullable;

/** Notes what a request is answered with, and lends the thread that waits for it. */
final class LendingSink extends WaitingListener {
    private final RecordingSink sink;

    LendingSink(RecordingSink sink) {
        this(sink, true);
    }

    LendingSink(RecordingSink sink, boolean mayWait) {
        super(mayWait);
        this.sink = sink;
    }

    @Override
    public void response(Response response, boolean isLast) {
        sink.response(response, isLast);
    }

    @Override
    public void end(@Nullable InferenceException error) {
        sink.end(error);
        ended();
    }
}
