package dev.nereid.server.http;

import io.helidon.common.buffers.BufferData;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.Router;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Takes every connection of a listener, and looks after all of them now and then on one thread: a client that goes while
 * it waits for an answer is noticed, a client that stops in the middle of a
 * request or of an answer is dropped. Short requests pay
 * nothing for that but noting when they began to wait.
 */
final class ClientConnections implements ServerConnectionSelector, AutoCloseable {
    private static final Logger LOGGER = System.getLogger(ClientConnections.class.getName());
    private static final Duration CHECK_INTERVAL = Duration.ofMillis(50);
    private static final Duration LONG_WAIT = Duration.ofMillis(100);

    private final Http1ConnectionSelector selector;
    private final int maxHead;
    private final Duration patience;
    private final Router router;
    private final Set<ClientConnection> open = ConcurrentHashMap.newKeySet();
    private final Thread watch = Thread.ofPlatform().name("nereid-http-watch").daemon(true).unstarted(this::watch);

    private ClientConnections(Http1Config config, Duration patience, Router router) {
        this.selector = Http1ConnectionSelector.builder().config(config).build();
        this.maxHead = config.maxPrologueLength();
        this.patience = patience;
        this.router = router;
    }

    /**
     * Starts to look after connections.
     *
     * @param config how Helidon reads requests
     * @param patience how long a client may send nothing in the middle of a request, or take nothing of an answer
     * @param router handles requests
     */
    static ClientConnections start(Http1Config config, Duration patience, Router router) {
        ClientConnections connections = new ClientConnections(config, patience, router);
        connections.watch.start();
        return connections;
    }

    private void watch() {
        while (true) {
            try {
                Thread.sleep(CHECK_INTERVAL);
            } catch (InterruptedException e) {
                return;
            }
            long now = System.nanoTime();
            for (ClientConnection connection : open) {
                try {
                    connection.check(now, LONG_WAIT.toNanos(), patience.toNanos());
                } catch (RuntimeException e) {
                    LOGGER.log(Level.DEBUG, "connection is already gone", e);
                }
            }
        }
    }

    @Override
    public int bytesToIdentifyConnection() {
        return 0;
    }

    @Override
    public Support supports(BufferData data) {
        return Support.SUPPORTED;
    }

    @Override
    public Set<String> supportedApplicationProtocols() {
        return Set.of("http/1.1");
    }

    @Override
    public ServerConnection connection(ConnectionContext context) {
        return new ClientConnection(context, selector, maxHead, router, open);
    }

    /** Ends the thread. */
    @Override
    public void close() {
        watch.interrupt();
    }
}
