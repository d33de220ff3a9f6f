package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * Brings the answers to a model's call from whoever gives them to the thread that called. How much may wait here the request
 * bounds. Threads: its own monitor guards everything and is held for moments only.
 */
final class CallResponses implements ResponseListener {
    private final Queue<Response> waiting = new ArrayDeque<>();
    private boolean hasEnded;
    private @Nullable InferenceException error;

    @Override
    public synchronized void response(Response response, boolean isLast) {
        waiting.add(response);
        notifyAll();
    }

    @Override
    public synchronized void end(@Nullable InferenceException failure) {
        error = failure;
        hasEnded = true;
        notifyAll();
    }

    /**
     * Waits for the next response, which is the caller's to close; null where the request has ended and there is none. An
     * interrupt does not end the wait, because the request's memory is in use until its end.
     */
    synchronized @Nullable Response next() {
        boolean isInterrupted = false;
        while (waiting.isEmpty() && !hasEnded) {
            try {
                wait();
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
        return waiting.poll();
    }

    /** Waits for the end and closes what still comes. */
    void awaitEnd() {
        for (Response late = next(); late != null; late = next()) {
            late.close();
        }
    }

    /** Throws why the request failed, if it did. Called after its end. */
    synchronized void check() {
        if (error != null) {
            throw error;
        }
    }
}
