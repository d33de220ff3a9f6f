package dev.nereid.tools.benchmark;

import io.helidon.http.HeaderNames;
import io.helidon.webserver.WebServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;

/**
 * The yardstick of the benchmarks: a Helidon handler that reads each body and answers constant bytes, and that knows just
 * enough of the protocol for {@code nereid perf} to drive it. What a server of this kind can reach at the most.
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

    private BareHandler() {
    }

    /** Listens on the loopback address until the process is ended. The one argument is the port. */
    public static void main(String[] arguments) throws IOException {
        byte[] head = ANSWER.getBytes(StandardCharsets.UTF_8);
        byte[] answer = new byte[head.length + 64];
        System.arraycopy(head, 0, answer, 0, head.length);
        String headLength = Integer.toString(head.length);
        WebServer.builder()
                .address(InetAddress.getLoopbackAddress())
                .port(Integer.parseInt(arguments[0]))
                .connectionOptions(socket -> socket.tcpNoDelay(true))
                .routing(routing -> routing
                        .get("/v2", (_, response) -> response.send("{\"name\":\"bare\",\"version\":\"1\"}"))
                        .get("/v2/models/bare", (_, response) -> response.send(METADATA))
                        .get("/v2/models/bare/config", (_, response) -> response.send(CONFIG))
                        .get("/v2/models/bare/stats", (_, response) -> response.send("{\"model_stats\":[]}"))
                        .get("/v2/health/ready", (_, response) -> response.send())
                        .get("/v2/models/bare/ready", (_, response) -> response.send())
                        .post("/v2/models/bare/infer", (request, response) -> {
                            try (InputStream body = request.content().inputStream()) {
                                body.readAllBytes();
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                            response.headers().set(HeaderNames.create("Inference-Header-Content-Length"), headLength);
                            response.send(answer);
                        }))
                .build().start();
    }
}
