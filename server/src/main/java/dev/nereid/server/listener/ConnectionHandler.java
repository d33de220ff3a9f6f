package dev.nereid.server.listener;

import io.helidon.webserver.http.Handler;

/** Says how the requests of connections are handled. Threads: any. */
@FunctionalInterface
public interface ConnectionHandler {
    /**
     * Called once for each connection.
     *
     * @return gets the connection's requests, one after the other, whatever their paths and methods
     */
    Handler open(Client client);
}
