package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import org.jspecify.annotations.Nullable;
import dev.nereid.engine.ResponseListener;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** Notes what a request is answered with, releases responses, and tells when the answer is complete. */
final class RecordingSink implements ResponseListener {
    private final List<String> events = new ArrayList<>();
    private final List<InferenceException> failures = new ArrayList<>();
    private final CountDownLatch done = new CountDownLatch(1);
    private final Runnable onDone;

    RecordingSink() {
        this(() -> {
        });
    }

    RecordingSink(Runnable onDone) {
        this.onDone = onDone;
    }

    @Override
    public synchronized void response(Response response, boolean isLast) {
        response.close();
        events.add(isLast ? "response" : "partial");
    }

    @Override
    public synchronized void end(@Nullable InferenceException error) {
        if (error != null) {
            failures.add(error);
            events.add("failure " + error.code());
        } else if (events.isEmpty() || !events.getLast().equals("response")) {
            events.add("end");
        }
        finish();
    }

    private void finish() {
        onDone.run();
        done.countDown();
    }

    /** Returns what happened so far. */
    synchronized List<String> events() {
        return List.copyOf(events);
    }

    /** Returns the one error. */
    synchronized InferenceException error() {
        if (failures.size() != 1) {
            throw new AssertionError("expected one failure, got " + events);
        }
        return failures.getFirst();
    }

    /** Waits for the answer. */
    RecordingSink await() {
        Waiting.on(done);
        return this;
    }

    boolean isDone() {
        return done.getCount() == 0;
    }
}
