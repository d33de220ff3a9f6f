package dev.nereid.server.http;

import dev.nereid.engine.Ticket;
import dev.nereid.engine.model.InferenceClient;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.server.listener.Client;

/**
 * The client of one request: the wait for its answer ends where its connection does.
 *
 * @param client waits for the answer
 * @param trace notes the request's way
 */
record WaitingClient(Client client, RequestTrace trace) implements InferenceClient {
    @Override
    public void waits(Ticket ticket) {
        client.waits(ticket::cancel);
    }

    @Override
    public void answered() {
        client.answered();
    }
}
