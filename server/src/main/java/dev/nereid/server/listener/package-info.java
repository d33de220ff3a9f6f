/**
 * Open ports and the connections of clients: accepting, reading HTTP/1.1 and 1.0 as Helidon does, patience with slow
 * clients, the end of a wait when its client goes, answers past Helidon's response, draining at the end. What a request
 * means is the business of the {@link dev.nereid.server.listener.ConnectionHandler} that a port is opened with.
 */
@NullMarked
package dev.nereid.server.listener;

import org.jspecify.annotations.NullMarked;
