package dev.nereid.benchmark;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The yardstick of the benchmarks: a Helidon handler that reads each body and answers constant bytes, and that knows just
 * enough of the protocol for {@code nereid perf} to drive it. What a server of this kind can reach at the most. What it
 * answers can be put in place ({@code PUT /v2/models/bare/answer}); {@code /v2/models/echo/infer} returns the body.
 */
public final class BareHandler {
    private static final String METADATA = """
            {"name":"bare","versions":["1"],"platform":"bare",\
            "inputs":[{"name":"INPUT0","datatype":"FP32","shape":[-1,16]}],\
            "outputs":[{"name":"OUTPUT0","datatype":"FP32","shape":[-1,16]}]}""";
    private static final String CONFIG = """
            {"name":"bare","max_batch_size":64,"input":[{"name":"INPUT0","data_type":"TYPE_FP32","dims":[16]}],\
            "output":[{"name":"OUTPUT0","data_type":"TYPE_FP32","dims":[16]}]}""";
    private static final String ANSWER = """
            {"model_name":"bare","model_version":"1","outputs":[{"name":"OUTPUT0","datatype":"FP32","shape":[1,16],\
            "parameters":{"binary_data_size":64}}]}""";
    private static final HeaderName JSON_LENGTH = HeaderNames.create("Inference-Header-Content-Length");

    /** What is answered. */
    private static final class Answer {
        private final byte[] bytes;
        /** How much of it is JSON; empty where all is. */
        private final String jsonLength;

        Answer(byte[] bytes, String jsonLength) {
            this.bytes = bytes;
            this.jsonLength = jsonLength;
        }

        static Answer initial() {
            byte[] head = ANSWER.getBytes(StandardCharsets.UTF_8);
            return new Answer(Arrays.copyOf(head, head.length + 64), Integer.toString(head.length));
        }
    }

    private volatile Answer answer = Answer.initial();

    private BareHandler() {
    }

    /** Listens on the loopback address until the process is ended. The one argument is the port; 0 for any. */
    public static void main(String[] arguments) throws IOException {
        WebServer server = WebServer.builder()
                .address(InetAddress.getLoopbackAddress())
                .port(Integer.parseInt(arguments[0]))
                .connectionOptions(socket -> socket.tcpNoDelay(true))
                .routing(new BareHandler()::route)
                .build().start();
        System.out.println("listening on port " + server.port());
    }

    private void route(HttpRouting.Builder routing) {
        routing.get("/v2", (_, response) -> response.send("{\"name\":\"bare\",\"version\":\"1\"}"))
                .get("/v2/models/bare", (_, response) -> response.send(METADATA))
                .get("/v2/models/bare/config", (_, response) -> response.send(CONFIG))
                .get("/v2/models/bare/stats", (_, response) -> response.send("{\"model_stats\":[]}"))
                .get("/v2/health/ready", (_, response) -> response.send())
                .get("/v2/models/bare/ready", (_, response) -> response.send())
                .post("/v2/models/bare/infer", this::infer)
                .post("/v2/models/echo/infer", BareHandler::echo)
                .put("/v2/models/bare/answer", (request, response) -> {
                    answer = new Answer(read(request), request.headers().value(JSON_LENGTH).orElse(""));
                    response.send();
                });
    }

    private void infer(ServerRequest request, ServerResponse response) {
        read(request);
        Answer now = answer;
        if (!now.jsonLength.isEmpty()) {
            response.headers().set(JSON_LENGTH, now.jsonLength);
        }
        response.send(now.bytes);
    }

    private static byte[] read(ServerRequest request) {
        try (InputStream body = request.content().inputStream()) {
            return body.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads into an array of the right length, so that the bytes are there once. */
    private static void echo(ServerRequest request, ServerResponse response) {
        byte[] bytes = new byte[Math.toIntExact(request.headers().contentLength().orElse(0))];
        try (InputStream body = request.content().inputStream()) {
            body.readNBytes(bytes, 0, bytes.length);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        request.headers().value(JSON_LENGTH).ifPresent(length -> response.headers().set(JSON_LENGTH, length));
        response.send(bytes);
    }
}
