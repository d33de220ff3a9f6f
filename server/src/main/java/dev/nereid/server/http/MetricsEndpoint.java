package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.server.listener.Client;
import dev.nereid.server.listener.ClientConnections;
import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.listener.Deadline;
import dev.nereid.server.listener.Listener;
import dev.nereid.server.listener.PortHealth;
import dev.nereid.server.metrics.MetricsOptions;
import dev.nereid.server.metrics.MetricsText;
import dev.nereid.server.tls.ServerTls;
import io.helidon.webserver.http.Handler;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The metrics listener (v2-http, 10). */
public final class MetricsEndpoint implements AutoCloseable {
    private static final String TYPE = "text/plain; charset=utf-8";

    private static final int USUAL_LENGTH = 64 * 1024;
    /** What is written and its larger memory, the text, and its bytes. */
    private static final int COPIES = 4;
    private static final Duration GRACE = Duration.ofMillis(200);

    private final MetricsText metrics;
    private final HeapBudget heap;
    private final ClientConnections connections;
    private @Nullable Listener listener;
    private volatile int longest = USUAL_LENGTH;

    private MetricsEndpoint(MetricsText metrics, HeapBudget heap, Optional<ServerTls> tls) {
        this.metrics = metrics;
        this.heap = heap;
        this.connections = ClientConnections.start("metrics", heap, tls, Optional.empty(), this::open);
    }

    /**
     * Opens the port.
     *
     * @param maxConnections how many connections may be open at a time
     * @param heap bounds what requests take from the heap
     * @param tls key and certificates; empty for plain text. To be closed by who has created them
     * @throws IOException when it can't be opened
     */
    public static MetricsEndpoint start(MetricsText metrics, MetricsOptions options, int maxConnections,
            HeapBudget heap, Optional<ServerTls> tls) throws IOException {
        MetricsEndpoint endpoint = new MetricsEndpoint(metrics, heap, tls);
        try {
            endpoint.listener = Listener.open("metrics", options.address(), options.port(), false,
                    new ConnectionSlots(maxConnections),
                    endpoint.connections);
            return endpoint;
        } catch (IOException | RuntimeException e) {
            endpoint.connections.close();
            throw e;
        }
    }

    /** Returns the port that is listened on. */
    public int port() {
        Listener opened = listener;
        return opened == null ? -1 : opened.port();
    }

    /** Returns whether the port is served. */
    public PortHealth health() {
        Listener opened = listener;
        return opened == null ? PortHealth.GONE : opened.health();
    }

    private Handler open(Client client) {
        Routes routes = new Routes();
        return (request, response) -> handle(new Exchange(client, routes, request, response, heap));
    }

    private void handle(Exchange exchange) {
        try {
            answer(exchange);
        } catch (InferenceException e) {
            exchange.sendError(e);
        } finally {
            exchange.release();
        }
        exchange.finish();
    }

    private void answer(Exchange exchange) {
        String path = exchange.path();
        if (!exchange.method().equals("GET") && !exchange.method().equals("HEAD")) {
            exchange.sendWrongMethod("GET, HEAD", Exchange.TEXT);
        } else if (path.equals("/metrics") || path.equals("/metrics/")) {
            // How long it is will be known when it is there; it is about as long as the one before.
            exchange.reserve((long) COPIES * longest);
            byte[] text = metrics.write().getBytes(StandardCharsets.UTF_8);
            longest = Math.max(longest, text.length);
            exchange.send(200, TYPE, text, text.length);
        } else {
            exchange.sendError(404, "Not Found", Exchange.TEXT);
        }
    }

    @Override
    public void close() {
        Listener opened = listener;
        if (opened != null) {
            opened.close();
        }
        connections.drain(Deadline.in(GRACE));
        connections.close();
    }
}
