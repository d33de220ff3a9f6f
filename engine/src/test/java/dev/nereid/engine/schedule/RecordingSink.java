package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.request.InferenceResult;
import dev.nereid.engine.request.ResponseSink;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** Notes what a request is answered with, releases responses, and tells when the answer is complete. */
final class RecordingSink implements ResponseSink {
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
    public synchronized void response(InferenceResult result, boolean isFinal) {
        result.close();
        events.add(isFinal ? "response" : "partial");
        if (isFinal) {
            finish();
        }
    }

    @Override
    public synchronized void failure(InferenceException error) {
        failures.add(error);
        events.add("failure " + error.code());
        finish();
    }

    @Override
    public synchronized void end() {
        events.add("end");
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
