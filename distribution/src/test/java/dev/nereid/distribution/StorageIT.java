package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server whose models lie in three kinds of object storage, each with its plugin as it is distributed. */
@Timeout(300)
class StorageIT {
    private static final String CONFIG = """
            backend: "identity"
            input [ { name: "INPUT0"  data_type: TYPE_FP32  dims: [ 2 ] } ]
            output [ { name: "OUTPUT0"  data_type: TYPE_FP32  dims: [ 2 ] } ]
            """;
    private static final int LARGE = 100 << 20;

    @TempDir
    private static Path directory;
    private static Process s3;
    private static int s3Port;
    private static HttpServer google;
    private static final Map<String, String> GOOGLE_OBJECTS = new TreeMap<>(
            Map.of("models/g/config.pbtxt", CONFIG, "models/g/1/x", "weights"));
    private static final AtomicInteger GOOGLE_READS = new AtomicInteger();

    @BeforeAll
    static void startStorage() throws Exception {
        s3Port = freePort();
        s3 = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar",
                Path.of("..", "locations", "s3", "target", "s3mock.jar").toAbsolutePath().normalize().toString(),
                "--server.port=" + freePort(), "--com.adobe.testing.s3mock.http-port=" + s3Port,
                "--com.adobe.testing.s3mock.store.initial-buckets=bucket").directory(directory.toFile())
                .redirectErrorStream(true).redirectOutput(directory.resolve("s3.log").toFile()).start();
        google = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        google.createContext("/storage/v1/b/b/o", StorageIT::answer);
        google.start();
        try (HttpClient client = HttpClient.newHttpClient()) {
            while (!isUp(client)) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
                assertTrue(s3.isAlive(), () -> "s3mock ended, see its log");
            }
            put(client, "models/big/config.pbtxt", BodyPublishers.ofString(CONFIG));
            put(client, "models/big/1/weights", BodyPublishers.ofByteArray(new byte[LARGE]));
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    private static boolean isUp(HttpClient client) throws InterruptedException {
        try {
            return client.send(HttpRequest.newBuilder(URI.create("http://localhost:" + s3Port + "/")).build(),
                    BodyHandlers.discarding()).statusCode() == 200;
        } catch (IOException e) {
            return false;
        }
    }

    private static void put(HttpClient client, String key, HttpRequest.BodyPublisher body) throws Exception {
        assertEquals(200, client.send(HttpRequest.newBuilder(
                URI.create("http://localhost:" + s3Port + "/bucket/" + key)).PUT(body).build(),
                BodyHandlers.discarding()).statusCode());
    }

    /** The two requests of Google's JSON API that are used. */
    private static void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath().substring("/storage/v1/b/b/o".length());
        byte[] body;
        if (path.isEmpty()) {
            String query = exchange.getRequestURI().getQuery();
            String items = String.join(",", GOOGLE_OBJECTS.entrySet().stream()
                    .filter(object -> query.contains("prefix=models/g/"))
                    .map(object -> "{\"name\":\"" + object.getKey() + "\",\"size\":\"" + object.getValue().length()
                            + "\",\"generation\":\"1\"}")
                    .toList());
            body = (query.contains("delimiter=") ? "{\"prefixes\":[\"models/g/\"]}" : "{\"items\":[" + items + "]}")
                    .getBytes(StandardCharsets.UTF_8);
        } else {
            GOOGLE_READS.incrementAndGet();
            body = GOOGLE_OBJECTS.getOrDefault(path.substring(1), "").getBytes(StandardCharsets.UTF_8);
        }
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    @AfterAll
    static void stopStorage() throws InterruptedException {
        google.stop(0);
        s3.destroyForcibly();
        s3.waitFor();
    }

    private static RunningServer start(String... flags) throws Exception {
        return RunningServer.start(RunningServer.LAYOUT,
                Map.of("AWS_ACCESS_KEY_ID", "key", "AWS_SECRET_ACCESS_KEY", "secret", "STORAGE_EMULATOR_HOST",
                        "localhost:" + google.getAddress().getPort(), "AZURE_STORAGE_ENDPOINT",
                        "http://localhost:1/account", "AZURE_STORAGE_KEY", "a2V5"),
                directory, flags);
    }

    private static RunningServer startWithModels() throws Exception {
        return start("--model-repository=s3://http://localhost:" + s3Port + "/bucket/models",
                "--model-repository=gs://b/models", "--model-control-mode=explicit",
                "--model-cache-directory=" + directory.resolve("cache"));
    }

    private static void check(RunningServer server, String model) throws Exception {
        assertEquals(200, server.post("/v2/repository/models/" + model + "/load", "").statusCode(), server::log);
        String answer = server.post("/v2/models/" + model + "/infer",
                "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1,2]}]}").body();
        assertTrue(answer.contains("\"data\":[1.0,2.0]"), answer);
    }

    @Test
    void modelsAreFetchedOnceForAllStarts() throws Exception {
        try (RunningServer server = startWithModels()) {
            check(server, "big");
            check(server, "g");
            assertTrue(server.log().contains("fetched model 'big' from 's3://"), server::log);
            assertTrue(server.log().contains("100.0 of 100.0 MiB"), server::log);
            assertEquals(200, server.post("/v2/repository/models/big/unload", "").statusCode());
            assertEquals(404, server.post("/v2/models/big/infer", "{}").statusCode());
        }
        assertEquals(2, GOOGLE_READS.get());
        try (RunningServer server = startWithModels()) {
            check(server, "big");
            check(server, "g");
            assertFalse(server.log().contains("fetched model"), server::log);
        }
        assertEquals(2, GOOGLE_READS.get());
    }

    @Test
    void whatCanNotBeReachedIsNamedWithEverythingThatIsKnown() {
        String log = String.valueOf(assertThrows(IllegalStateException.class,
                () -> start("--model-repository=as://account/c/models").close()).getMessage());

        assertTrue(log.contains("error: model repository 'as://account/c/models' can't be listed: the storage does not "
                + "answer as it should, after several attempts: "), log);
        assertTrue(
                log.contains("(container 'c' at http://localhost:1/account, credentials from AZURE_STORAGE_KEY in the "
                        + "environment)"),
                log);
    }

    @Test
    void theServersOwnClassPathHasNoneOfTheClients() throws IOException {
        try (Stream<Path> files = Files.list(RunningServer.LAYOUT.resolve("lib"))) {
            assertEquals(List.of(), files.map(file -> file.getFileName().toString())
                    .filter(name -> name.matches("(aws|azure|google-auth|opentelemetry|msal4j|s3|sts)-.*"))
                    .toList());
        }
        for (String plugin : List.of("locations/s3", "locations/gcs", "locations/azure", "tracing/opentelemetry")) {
            assertTrue(Files.isDirectory(RunningServer.LAYOUT.resolve(plugin)), plugin);
        }
    }
}
