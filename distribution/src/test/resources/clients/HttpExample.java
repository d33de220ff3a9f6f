import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;

/** A client over HTTP with nothing but the JDK. Argument: the port. Says which steps went well; an exception ends it. */
public class HttpExample {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private static HttpRequest.Builder request(String port, String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).timeout(LIMIT);
    }

    private static <T> HttpResponse<T> expect(int status, HttpResponse<T> answer) {
        if (answer.statusCode() != status) {
            throw new IllegalStateException(answer.statusCode() + " instead of " + status + ": " + answer.body());
        }
        return answer;
    }

    private static void check(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String port = arguments[0];
        try (HttpClient client = HttpClient.newHttpClient()) {
            expect(200, client.send(request(port, "/v2/health/ready").build(), BodyHandlers.ofString()));
            System.out.println("ok health");

            for (String model : new String[]{"echo", "square"}) {
                expect(200, client.send(request(port, "/v2/repository/models/" + model + "/load")
                        .POST(BodyPublishers.noBody()).build(), BodyHandlers.ofString()));
            }
            System.out.println("ok load");

            String json = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,4],\"datatype\":\"FP32\",\"data\":[1,2,3,4]}]}";
            String body = expect(200, client.send(request(port, "/v2/models/echo/infer")
                    .POST(BodyPublishers.ofString(json)).build(), BodyHandlers.ofString())).body();
            check(body.contains("\"data\":[1"), body);
            byte[] head = ("{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,4],\"datatype\":\"FP32\",\"parameters\":"
                    + "{\"binary_data_size\":16}}],\"outputs\":[{\"name\":\"OUTPUT0\",\"parameters\":{\"binary_data\":true}}]}")
                    .getBytes(StandardCharsets.UTF_8);
            ByteBuffer values = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
            values.putFloat(1.5f).putFloat(-2).putFloat(3).putFloat(4);
            HttpResponse<byte[]> binary = expect(200, client.send(request(port, "/v2/models/echo/infer")
                    .header("Inference-Header-Content-Length", Integer.toString(head.length))
                    .POST(BodyPublishers.concat(BodyPublishers.ofByteArray(head), BodyPublishers.ofByteArray(values.array())))
                    .build(), BodyHandlers.ofByteArray()));
            int length = Integer.parseInt(binary.headers().firstValue("Inference-Header-Content-Length").orElseThrow());
            check(Arrays.equals(Arrays.copyOfRange(binary.body(), length, binary.body().length), values.array()), "tensor");
            System.out.println("ok infer");

            expect(404, client.send(request(port, "/v2/models/no_such/infer").POST(BodyPublishers.ofString(json)).build(),
                    BodyHandlers.ofString()));
            System.out.println("ok errors");

            long events = client.send(request(port, "/v2/models/square/generate_stream")
                    .POST(BodyPublishers.ofString("{\"IN\": 3}")).build(), BodyHandlers.ofLines()).body()
                    .filter(line -> line.startsWith("data: ")).count();
            check(events == 3, events + " events");
            System.out.println("ok stream");

            expect(200, client.send(request(port, "/v2/repository/models/echo/unload").POST(BodyPublishers.noBody()).build(),
                    BodyHandlers.ofString()));
            System.out.println("ok unload");
        }
    }
}
