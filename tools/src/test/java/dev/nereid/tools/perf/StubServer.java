package dev.nereid.tools.perf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

/**
 * Answers the v2 endpoints of one model, {@code m}, from a bare socket; what infer answers is up to the test. Threads:
 * one that accepts, one for each connection.
 */
final class StubServer implements AutoCloseable {
    static final String METADATA = """
            {"name":"m","versions":["1"],"platform":"identity","inputs":[{"name":"IN","datatype":"INT32",
            "shape":[-1,2]}],"outputs":[{"name":"OUT","datatype":"INT32","shape":[-1,2]}]}""";
    static final String CONFIG = """
            {"name":"m","max_batch_size":4,"input":[{"name":"IN","optional":false}]}""";
    static final String OUTPUTS = """
            {"model_name":"m","outputs":[{"name":"OUT","datatype":"INT32","shape":[1,2],"data":[1,2]}]}""";

    /**
     * What a request is answered with.
     *
     * @param head status line and headers but for the length of the body
     * @param body the body
     * @param bodyBytes how much of the body is really sent
     * @param closes whether the connection is closed afterwards
     */
    record Reply(String head, String body, int bodyBytes, boolean closes) {
        static Reply ok(String body) {
            return new Reply("HTTP/1.1 200 OK", body, body.length(), false);
        }

        static Reply error(int status, String text) {
            String body = "{\"error\":\"" + text + "\"}";
            return new Reply("HTTP/1.1 " + status + " Error", body, body.length(), false);
        }

        /** Closes the connection and says so. */
        Reply thenClose() {
            return new Reply(head + "\r\nConnection: close", body, bodyBytes, true);
        }

        /** Closes the connection without a word. */
        Reply thenVanish() {
            return new Reply(head, body, bodyBytes, true);
        }

        /** Breaks off in the middle of the body. */
        Reply cut() {
            return new Reply(head, body, body.length() / 2, true);
        }
    }

    final List<String> inferHeads = new CopyOnWriteArrayList<>();
    final AtomicInteger connections = new AtomicInteger();

    private final AtomicInteger inferCount = new AtomicInteger();
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final ServerSocket listener;
    private final IntFunction<Reply> infer;

    private StubServer(ServerSocket listener, IntFunction<Reply> infer) {
        this.listener = listener;
        this.infer = infer;
    }

    /** Starts a server that asks {@code infer} for the answer to the n-th request, counted from 1. */
    static StubServer start(IntFunction<Reply> infer) throws IOException {
        StubServer server = new StubServer(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), infer);
        Thread.ofPlatform().daemon().name("stub-accept").start(server::accept);
        return server;
    }

    String url() {
        return listener.getInetAddress().getHostAddress() + ":" + listener.getLocalPort();
    }

    int inferCount() {
        return inferCount.get();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket socket = listener.accept();
                sockets.add(socket);
                connections.incrementAndGet();
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            InputStream in = socket.getInputStream();
            OutputStream out = socket.getOutputStream();
            while (true) {
                String head = head(in);
                if (head.isEmpty()) {
                    return;
                }
                in.skipNBytes(length(head));
                Reply reply = answer(head);
                // In one piece, or the second would wait for the client to confirm the first.
                out.write((reply.head() + "\r\ncontent-length: " + reply.body().length() + "\r\n\r\n"
                        + reply.body().substring(0, reply.bodyBytes())).getBytes(StandardCharsets.US_ASCII));
                out.flush();
                if (reply.closes()) {
                    return;
                }
            }
        } catch (IOException e) {
            // The client is gone, which is how tests end.
        }
    }

    private static String head(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        int last = 0;
        for (int next = in.read(); next >= 0; next = in.read()) {
            head.write(next);
            last = last << 8 | next;
            if (last == 0x0D0A0D0A) {
                break;
            }
        }
        return head.toString(StandardCharsets.UTF_8);
    }

    private static int length(String head) {
        return head.lines().map(line -> line.toLowerCase(Locale.ROOT))
                .filter(line -> line.startsWith("content-length:"))
                .mapToInt(line -> Integer.parseInt(line.substring(line.indexOf(':') + 1).strip())).findFirst()
                .orElse(0);
    }

    private Reply answer(String head) {
        String path = head.split(" ", 3)[1];
        return switch (path) {
            case "/v2/models/m" -> Reply.ok(METADATA);
            case "/v2/models/m/config" -> Reply.ok(CONFIG);
            case "/v2/models/m/stats" -> Reply.ok(statistics(inferCount.get()));
            case "/v2/models/m/infer" -> {
                inferHeads.add(head);
                yield infer.apply(inferCount.incrementAndGet());
            }
            default -> Reply.error(404, "Request for unknown model: '" + path.substring("/v2/models/".length())
                    + "' is not found");
        };
    }

    private static String statistics(int requests) {
        String times = "\"success\":{\"count\":" + requests + ",\"ns\":0}";
        for (String name : List.of("queue", "compute_input", "compute_infer", "compute_output")) {
            times += ",\"" + name + "\":{\"count\":" + requests + ",\"ns\":" + 1000L * requests + "}";
        }
        return "{\"model_stats\":[{\"name\":\"m\",\"version\":\"1\",\"inference_count\":" + requests
                + ",\"execution_count\":" + requests + ",\"inference_stats\":{" + times + "}}]}";
    }

    @Override
    public void close() {
        try {
            listener.close();
            for (Socket socket : sockets) {
                socket.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
