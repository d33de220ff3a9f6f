package dev.nereid.server.http;

import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderNames;
import io.helidon.http.ServerResponseHeaders;
import io.helidon.http.Status;
import io.helidon.http.encoding.ContentDecoder;
import io.helidon.http.encoding.ContentEncoder;
import io.helidon.http.encoding.ContentEncodingContext;
import io.helidon.http.encoding.ContentEncodingContextConfig;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http1.Http1Config;
import java.net.InetAddress;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;

/** Sets up Helidon: limits, socket options, and JSON errors also for what is not even HTTP. */
final class Listener {
    private static final int MAX_PATH = 64 * 1024;
    private static final int MAX_HEADERS = 64 * 1024;
    private static final int MAX_CONNECTIONS = 10_000;
    /** A client that sends nothing for so long in the middle of a request, or takes nothing of an answer, is gone. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration IDLE_TIMEOUT = Duration.ofMinutes(5);

    private Listener() {
    }

    /**
     * Creates a listener that is not yet started.
     *
     * @param gracePeriod how long requests may take to finish when it is stopped
     * @param connections takes every connection
     */
    static WebServer create(String address, int port, boolean reusesPort, Duration gracePeriod,
            ClientConnections connections) {
        WebServerConfig.Builder config = WebServer.builder()
                .address(resolve(address))
                .port(port)
                .shutdownHook(false)
                .shutdownGracePeriod(gracePeriod)
                .maxTcpConnections(MAX_CONNECTIONS)
                .maxPayloadSize(Integer.MAX_VALUE)
                .idleConnectionTimeout(IDLE_TIMEOUT)
                .connectionOptions(socket -> socket.tcpNoDelay(true))
                .contentEncoding(new PassThrough())
                .directHandlers(errors())
                .protocolsDiscoverServices(false)
                .useNio(false)
                .addConnectionSelector(connections);
        if (reusesPort) {
            config.listenerSocketOptions(Map.of(StandardSocketOptions.SO_REUSEPORT, true));
        }
        return config.build();
    }

    /** Starts to look after the connections of a listener. */
    static ClientConnections connections(Handler handler) {
        return connections(PATIENCE, handler);
    }

    /**
     * Starts to look after connections. A request without a host is served, as by the reference.
     *
     * @param handler gets every request, whatever its path and method
     */
    @SuppressWarnings("removal") // of the switch, which the pinned version of Helidon has
    static ClientConnections connections(Duration patience, Handler handler) {
        return ClientConnections.start(Http1Config.builder()
                .maxPrologueLength(MAX_PATH)
                .maxHeadersSize(MAX_HEADERS)
                .validatePath(false)
                .validatePrologue(false)
                .validateRequestHostHeader(false)
                .validateResponseHeaders(false)
                .sendKeepAliveHeader(false)
                .build(), patience, EveryRequest.router(handler));
    }

    /**
     * Starts a listener. Helidon only logs that a port can't be opened.
     *
     * @throws IllegalStateException when the port can't be opened
     */
    static void open(WebServer server) {
        server.start();
        if (!server.isRunning()) {
            throw new IllegalStateException("the port can't be opened");
        }
    }

    private static InetAddress resolve(String address) {
        try {
            return InetAddress.getByName(address);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("address '" + address + "' is not known", e);
        }
    }

    private static DirectHandlers errors() {
        DirectHandlers.Builder builder = DirectHandlers.builder();
        for (DirectHandler.EventType type : DirectHandler.EventType.values()) {
            builder.addHandler(type, Listener::error);
        }
        return builder.build();
    }

    /** Answers what never reaches the handler: requests that are not HTTP, or too large. */
    private static DirectHandler.TransportResponse error(DirectHandler.TransportRequest request,
            DirectHandler.EventType type, Status status, ServerResponseHeaders headers, String message) {
        String text = switch (status.code()) {
            case 413 -> "request body or one of its chunks is too large";
            case 414 -> "request path is longer than " + MAX_PATH + " bytes";
            case 503 -> "too many concurrent requests";
            case 505 -> "HTTP version is not supported, expected HTTP/1.1";
            default -> "request is not valid HTTP/1.1";
        };
        // The handler answers for its own errors; what Helidon stumbles over here is what the client sent.
        boolean isInternal = status.code() == Status.INTERNAL_SERVER_ERROR_500.code();
        return DirectHandler.TransportResponse.builder()
                .status(isInternal ? Status.BAD_REQUEST_400 : status)
                .headers(headers)
                .header(HeaderNames.CONTENT_TYPE, Exchange.JSON)
                .keepAlive(false)
                .entity(("{\"error\":\"" + text + "\"}").getBytes(StandardCharsets.UTF_8))
                .build();
    }

    /** Leaves content codings to the handlers: what is offered differs by endpoint. */
    private static final class PassThrough implements ContentEncodingContext {
        private final ContentEncodingContextConfig config = ContentEncodingContextConfig.create();

        @Override
        public boolean contentEncodingEnabled() {
            return false;
        }

        @Override
        public boolean contentDecodingEnabled() {
            return true;
        }

        @Override
        public boolean contentEncodingSupported(String coding) {
            return false;
        }

        @Override
        public boolean contentDecodingSupported(String coding) {
            return true;
        }

        @Override
        public ContentEncoder encoder(String coding) {
            return ContentEncoder.NO_OP;
        }

        @Override
        public ContentDecoder decoder(String coding) {
            return ContentDecoder.NO_OP;
        }

        @Override
        public ContentEncoder encoder(io.helidon.http.Headers headers) {
            return ContentEncoder.NO_OP;
        }

        @Override
        public ContentEncodingContextConfig prototype() {
            return config;
        }
    }
}
