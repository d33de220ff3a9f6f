package dev.nereid.server.http;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.InferenceClient;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.server.listener.Client;

/**
 * The client of one request: the wait for its answer ends where its connection does. Its monitor guards the scope, which
 * others may empty only while the request's own thread waits.
 */
final class WaitingClient implements InferenceClient {
    private final Client client;
    private final RequestTrace trace;
    @GuardedBy("this")
    private final BufferScope inputs;
    @GuardedBy("this")
    private boolean isOver;

    /**
     * Creates a client that waits.
     *
     * @param client knows whether the connection still is there
     * @param trace notes the request's way
     * @param inputs whose buffers hold nothing but the request's inputs
     */
    WaitingClient(Client client, RequestTrace trace, BufferScope inputs) {
        this.client = client;
        this.trace = trace;
        this.inputs = inputs;
    }

    @Override
    public RequestTrace trace() {
        return trace;
    }

    @Override
    public void waits(Ticket ticket) {
        client.waits(ticket::cancel);
    }

    @Override
    public synchronized void inputsUsed() {
        if (!isOver) {
            inputs.closeBuffers();
        }
    }

    @Override
    public void answered() {
        synchronized (this) {
            isOver = true;
        }
        client.answered();
    }
}
