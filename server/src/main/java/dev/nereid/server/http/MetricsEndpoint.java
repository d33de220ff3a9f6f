package dev.nereid.server.http;

import dev.nereid.server.ServerOptions.MetricsOptions;
import dev.nereid.server.metrics.MetricsText;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** The metrics listener (v2-http, 10). */
public final class MetricsEndpoint implements AutoCloseable {
    private static final String TYPE = "text/plain; charset=utf-8";

    private final MetricsText metrics;
    private final ClientConnections connections;
    private final WebServer server;

    private MetricsEndpoint(MetricsText metrics, MetricsOptions options) {
        this.metrics = metrics;
        this.connections = Listener.connections(this::handle);
        this.server = Listener.create(options.address(), options.port(), false, Duration.ofSeconds(1), connections);
    }

    /** Opens the port. */
    public static MetricsEndpoint start(MetricsText metrics, MetricsOptions options) {
        MetricsEndpoint endpoint = new MetricsEndpoint(metrics, options);
        try {
            Listener.open(endpoint.server);
            return endpoint;
        } catch (RuntimeException e) {
            endpoint.connections.close();
            throw e;
        }
    }

    /** Returns the port that is listened on. */
    public int port() {
        return server.port();
    }

    private void handle(ServerRequest request, ServerResponse response) {
        Exchange exchange = new Exchange(request, response);
        answer(exchange);
        exchange.finish();
    }

    private void answer(Exchange exchange) {
        String path = exchange.path();
        if (!exchange.method().equals("GET")) {
            exchange.sendError(405, "Method Not Allowed", Exchange.TEXT);
        } else if (path.equals("/metrics") || path.equals("/metrics/")) {
            byte[] text = metrics.write().getBytes(StandardCharsets.UTF_8);
            exchange.send(200, TYPE, text, text.length);
        } else {
            exchange.sendError(404, "Not Found", Exchange.TEXT);
        }
    }

    @Override
    public void close() {
        server.stop();
        connections.close();
    }
}
