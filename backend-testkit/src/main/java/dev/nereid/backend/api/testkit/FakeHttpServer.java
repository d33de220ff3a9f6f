package dev.nereid.backend.api.testkit;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A server of HTTP on this machine that answers as a test says; 500 before that. Threads: any. */
public final class FakeHttpServer implements AutoCloseable {
    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private volatile Answer answer = exchange -> send(exchange, 500, "", Map.of());

    /** Answers a request, on a thread of its own. */
    public interface Answer {
        /** Answers. */
        void to(HttpExchange exchange) throws IOException;
    }

    private FakeHttpServer(HttpServer server) {
        this.server = server;
    }

    /** Starts it on a free port. */
    public static FakeHttpServer start() throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        FakeHttpServer fake = new FakeHttpServer(server);
        server.setExecutor(fake.threads);
        server.createContext("/", exchange -> fake.answer.to(exchange));
        server.start();
        return fake;
    }

    /** Has all requests from here on answered so. */
    public void answer(Answer value) {
        answer = value;
    }

    /** Sends a whole answer. */
    public static void send(HttpExchange exchange, int status, String body, Map<String, String> headers)
            throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        headers.forEach(exchange.getResponseHeaders()::add);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    /** Returns its address, without a slash at the end. */
    public String endpoint() {
        return "http://localhost:" + server.getAddress().getPort();
    }

    /** Ends it; requests under way are broken off, and their threads interrupted. */
    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
