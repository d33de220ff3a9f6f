package dev.nereid.server.http;

import dev.nereid.engine.model.Caller;
import dev.nereid.engine.trace.RequestTrace;
import java.util.Optional;

/**
 * The client of one request: the wait for its answer ends where its connection does.
 *
 * @param connection the connection
 * @param trace notes the request's way
 */
record WaitingClient(Optional<ClientConnection> connection, RequestTrace trace) implements Caller {
    @Override
    public void waits(Runnable cancel) {
        connection.ifPresent(client -> client.waits(cancel));
    }

    @Override
    public void answered() {
        connection.ifPresent(ClientConnection::answered);
    }
}
