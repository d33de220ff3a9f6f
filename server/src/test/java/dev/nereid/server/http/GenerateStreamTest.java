package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.http.RawClient.Answer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Decoupled models over HTTP: {@code generate}, {@code generate_stream}, and what statistics tell of them. */
@Timeout(120)
class GenerateStreamTest {
    private static final String PATH = "/v2/models/streams/generate";
    private static final String EVENT = "data: {\"OUTPUT0\":7.0,\"model_name\":\"streams\",\"model_version\":\"1\"}\n\n";
    private static final String NOT_ONE = "{\"error\":\"generate expects model to produce exactly 1 response, use generate "
            + "stream for model that generates various number of responses\"}";
    private static final int CLIENTS = 1000;
    private static final int ANSWERS = 100;

    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private TestServer server;

    @BeforeEach
    void start(@TempDir Path directory) throws IOException {
        Path models = Files.createDirectories(directory.resolve("models"));
        TestServer.writeModel(models, "streams",
                "model_transaction_policy { decoupled: true } instance_group [{ count: 1 kind: KIND_CPU }]",
                "TYPE_FP32",
                "1");
        server = TestServer.start(directory, "--exit-timeout-secs=4");
    }

    @AfterEach
    void stop() {
        http.close();
        assertEquals(0, server.bytesHeld());
        server.close();
    }

    private static String body(String parameters) {
        return "{\"INPUT0\":7" + parameters + "}";
    }

    private HttpResponse<InputStream> stream(String parameters) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + PATH + "_stream"))
                .POST(HttpRequest.BodyPublishers.ofString(body(parameters))).build();
        return http.send(request, HttpResponse.BodyHandlers.ofInputStream());
    }

    private static String text(HttpResponse<InputStream> response) throws IOException {
        try (InputStream in = response.body()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void inferIsRefusedBeforeTheBodyIsLookedAt() {
        Answer answer = server.post("/v2/models/streams/infer", "{nope");

        assertEquals(501, answer.status());
        assertEquals("{\"error\":\"HTTP end point doesn't support models with decoupled transaction policy\"}",
                answer.body());
    }

    @Test
    void generateTakesExactlyOneAnswer() {
        Answer one = server.post(PATH, body(",\"answers\":1,\"id\":\"x\""));
        assertEquals(200, one.status());
        assertEquals("{\"OUTPUT0\":7.0,\"id\":\"x\",\"model_name\":\"streams\",\"model_version\":\"1\"}", one.body());

        for (String other : List.of(",\"answers\":0", ",\"answers\":2", ",\"answers\":3,\"later\":true",
                ",\"answers\":1,\"broken\":true")) {
            Answer refused = server.post(PATH, body(other));
            assertEquals(200, refused.status(), other);
            assertEquals(NOT_ONE, refused.body(), other);
            assertEquals("application/json", refused.header("content-type"));
        }
        Answer failed = server.post(PATH, body(",\"answers\":0,\"broken\":true"));
        assertEquals(503, failed.status());
        assertEquals("{\"error\":\"broken\"}", failed.body());
    }

    /** The second answer never comes unless the request is cancelled. */
    @Test
    void aRequestWhoseAnswerCanNotBeWrittenIsCancelled() throws Exception {
        Answer refused = server.post(PATH, body(",\"answers\":2,\"hold\":true,\"unwritable\":true"));

        assertEquals(400, refused.status(), refused.body());
        assertTrue(refused.body().contains("BF16"), refused.body());
        Eventually.until("the request is given up", () -> server.backend().cancelled() == 1);
    }

    @Test
    void eachAnswerIsAnEvent() throws Exception {
        for (String later : List.of("", ",\"later\":true")) {
            for (int answers : new int[]{1, 3, 1000}) {
                HttpResponse<InputStream> response = stream(",\"answers\":" + answers + later);
                assertEquals(200, response.statusCode());
                assertEquals("text/event-stream; charset=utf-8",
                        response.headers().firstValue("content-type").orElseThrow());
                assertEquals(EVENT.repeat(answers), text(response));
            }
        }
    }

    @Test
    void noAnswerIsAnEmptyStream() throws Exception {
        HttpResponse<InputStream> response = stream(",\"answers\":0");

        assertEquals(200, response.statusCode());
        assertEquals("", text(response));
    }

    @Test
    void theFirstAnswerGivesTheStatusAndLaterErrorsAreEvents() throws Exception {
        HttpResponse<InputStream> first = stream(",\"answers\":0,\"broken\":true");
        assertEquals(503, first.statusCode());
        assertEquals("data: {\"error\":\"broken\"}\n\n", text(first));

        HttpResponse<InputStream> later = stream(",\"answers\":2,\"broken\":true");
        assertEquals(200, later.statusCode());
        assertEquals(EVENT.repeat(2) + "data: {\"error\":\"broken\"}\n\n", text(later));
    }

    @Test
    void whatIsWrongBeforeInferenceIsPlainJson() {
        Answer answer = server.post(PATH + "_stream", "{\"answers\":1}");

        assertEquals(400, answer.status());
        assertEquals("application/json", answer.header("content-type"));
    }

    @Test
    void anEventLeavesBeforeTheNextIsThere() throws Exception {
        HttpResponse<InputStream> response = stream(",\"answers\":3,\"hold\":true,\"later\":true");
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
            for (int i = 0; i < 3; i++) {
                assertEquals(EVENT.strip(), lines.readLine());
                assertEquals("", lines.readLine());
                server.backend().release();
            }
            assertEquals(null, lines.readLine());
        }
    }

    @Test
    void aConnectionGoesOnAfterAStream() {
        try (RawClient client = server.connect()) {
            client.write(RawClient.request("POST", PATH + "_stream", body(",\"answers\":1"))
                    + RawClient.request("GET", "/v2/health/live", "", "Connection: close"));
            String all = client.readAll();

            assertTrue(all.contains("\r\nTransfer-Encoding: chunked\r\n"), all);
            String chunk = Integer.toHexString(EVENT.length()) + "\r\n" + EVENT + "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n";
            assertTrue(all.contains(chunk), all);
        }
    }

    @Test
    void aClientOfHttp10ReadsToTheEndOfTheConnection() {
        String body = body(",\"answers\":2");
        try (RawClient client = server.connect()) {
            client.write("POST " + PATH + "_stream HTTP/1.0\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
            String all = client.readAll();

            assertTrue(all.startsWith("HTTP/1.1 200 OK\r\n"), all);
            assertTrue(all.endsWith("\r\n\r\n" + EVENT + EVENT), all);
            assertFalse(all.contains("chunked"), all);
        }
    }

    @Test
    void aClientThatLeavesCancelsItsRequest() throws Exception {
        try (RawClient client = server.connect()) {
            client.write(RawClient.request("POST", PATH + "_stream", body(",\"answers\":3,\"hold\":true")));
            server.backend().awaitHeld();

            client.reset();
        }

        Eventually.until("the backend is told", () -> server.backend().cancelled() == 1);
        assertEquals(200, server.post(PATH, body(",\"answers\":1")).status());
        assertEquals(1.0, server.metric("nv_inference_request_failure", "model=\"streams\",reason=\"CANCELED\"")
                .orElseThrow());
    }

    @Test
    void aModelThatIsNotDecoupledStreamsItsOneAnswer() {
        String all;
        try (RawClient client = server.connect()) {
            all = client.write(RawClient.request("POST", "/v2/models/text/generate_stream", "{\"INPUT0\":\"a\"}",
                    "Connection: close")).readAll();
        }

        assertTrue(all.contains("data: {\"OUTPUT0\":\"a\",\"model_name\":\"text\",\"model_version\":\"1\"}\n\n"), all);
    }

    @Test
    void statisticsTellOfResponsesByTheirPlace() throws Exception {
        assertEquals(EVENT.repeat(2), text(stream(",\"answers\":2")));
        assertTrue(text(stream(",\"answers\":1,\"broken\":true")).endsWith("{\"error\":\"broken\"}\n\n"));

        String statistics = server.get("/v2/models/streams/stats").body().replaceAll("\"ns\":\\d+", "\"ns\":N");
        String zero = "{\"count\":0,\"ns\":N}";
        String one = "{\"count\":1,\"ns\":N}";
        String two = "{\"count\":2,\"ns\":N}";
        assertTrue(statistics.contains("\"response_stats\":{\"0\":" + counters(two, two, two, zero, zero) + ",\"1\":"
                + counters(two, one, one, one, zero) + ",\"2\":" + counters(one, zero, zero, zero, one) + "}"),
                statistics);
    }

    private static String counters(String infer, String output, String success, String fail, String empty) {
        return "{\"compute_infer\":" + infer + ",\"compute_output\":" + output + ",\"success\":" + success
                + ",\"fail\":"
                + fail + ",\"empty_response\":" + empty + ",\"cancel\":{\"count\":0,\"ns\":N}}";
    }

    @Test
    void aServerThatStopsTellsTheClientsOfStreamsThatItCanNotWaitFor() throws Exception {
        HttpResponse<InputStream> response = stream(",\"answers\":2,\"hold\":true,\"later\":true");
        server.backend().awaitHeld();

        CompletableFuture<Boolean> stop = CompletableFuture.supplyAsync(server.server()::closeInTime);

        assertEquals(EVENT + "data: {\"error\":\"the server is stopping, and the model did not answer the request in "
                + "time\"}\n\n", text(response));
        assertTrue(stop.get(30, TimeUnit.SECONDS));
    }

    /** A thousand streams at once, of which some leave in the middle and some read slowly, and nothing is lost. */
    @Test
    void manyStreamsAtOnce() throws Exception {
        AtomicInteger whole = new AtomicInteger();
        List<Future<?>> all = new ArrayList<>();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < CLIENTS; i++) {
                int client = i;
                all.add(clients.submit(() -> {
                    try (RawClient raw = server.connect()) {
                        raw.write(RawClient.request("POST", PATH + "_stream",
                                body(",\"later\":true,\"answers\":" + ANSWERS), "Connection: close"));
                        switch (client % 10) {
                            case 0 -> {
                                String ignored = raw.read(40);
                                raw.reset();
                            }
                            case 1 -> whole.addAndGet(events(raw.readSlowly(20)));
                            default -> whole.addAndGet(events(raw.readAll()));
                        }
                    }
                }));
            }
            for (Future<?> each : all) {
                each.get(100, TimeUnit.SECONDS);
            }
        }

        assertEquals(CLIENTS / 10 * 9 * ANSWERS, whole.get());
        assertEquals(0, server.bytesHeld());
        assertEquals(0, server.server().engine().readyVersions("streams").getFirst().queueSize());
    }

    private static int events(String text) {
        return text.split("data: \\{\"OUTPUT0\":7.0,", -1).length - 1;
    }
}
