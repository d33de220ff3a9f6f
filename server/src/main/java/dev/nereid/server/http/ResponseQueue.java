package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import io.helidon.webserver.CloseConnectionException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Brings the answers to a request from whoever gives them to the thread of the request's connection, which may be slow. How
 * much may wait here the engine bounds.
 */
final class ResponseQueue implements ResponseListener {
    private final BlockingQueue<Event> waiting = new LinkedBlockingQueue<>();
    private boolean hasEnded;

    /** What a request is answered with. */
    sealed interface Event {
    }

    /**
     * A response, which is to be closed.
     *
     * @param response the response
     */
    record Answer(Response response) implements Event {
    }

    /**
     * The end.
     *
     * @param error why the request failed; null where it succeeded
     */
    record End(@Nullable InferenceException error) implements Event {
    }

    @Override
    public void response(Response response, boolean isLast) {
        waiting.add(new Answer(response));
    }

    @Override
    public void end(@Nullable InferenceException error) {
        waiting.add(new End(error));
    }

    /**
     * Waits for the next event. Called by one thread, not after the end.
     *
     * @throws CloseConnectionException where the thread is interrupted, because its connection is to end
     */
    Event take() {
        try {
            Event next = waiting.take();
            hasEnded = next instanceof End;
            return next;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CloseConnectionException("interrupted", e);
        }
    }

    /** Returns the next event where it is there; null where it is not. Called as {@link #take()} is. */
    @Nullable
    Event poll() {
        Event next = waiting.poll();
        hasEnded = next instanceof End;
        return next;
    }

    /** Returns whether the end was taken. */
    boolean hasEnded() {
        return hasEnded;
    }

    /** Waits for the end, whatever happens, and closes what still comes. */
    void awaitEnd() {
        boolean isInterrupted = false;
        while (!hasEnded) {
            try {
                Event next = waiting.take();
                hasEnded = next instanceof End;
                if (next instanceof Answer answer) {
                    answer.response().close();
                }
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
