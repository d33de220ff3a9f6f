package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.http.RawClient.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Methods, paths, versions, headers and connections, over a socket. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HttpProtocolTest {
    private static final String INFER = "/v2/models/batched/infer";
    private static final String BODY = TestServer.inferBody("");

    private TestServer server;

    @BeforeAll
    void start(@TempDir Path directory) throws IOException {
        for (String name : List.of("größe", "my model", "m:1")) {
            TestServer.writeModel(Files.createDirectories(directory.resolve("models")), name, "max_batch_size: 8",
                    "TYPE_FP32", "4");
        }
        server = TestServer.start(directory);
    }

    @AfterAll
    void stop() {
        server.close();
        assertEquals(0, server.bytesHeld());
    }

    @Test
    void answersHealthWithAnEmptyTextBody() {
        Answer answer = server.get("/v2/health/ready");

        assertEquals(200, answer.status());
        assertEquals("text/plain", answer.header("content-type"));
        assertEquals("0", answer.header("content-length"));
    }

    @Test
    void listsWhatIsServed() {
        assertEquals("{\"name\":\"triton\",\"version\":\"0.0.0\",\"extensions\":[\"classification\",\"sequence\","
                + "\"model_repository\",\"model_repository(unload_dependents)\",\"schedule_policy\","
                + "\"model_configuration\",\"system_shared_memory\",\"cuda_shared_memory\",\"binary_tensor_data\","
                + "\"parameters\",\"statistics\",\"trace\",\"logging\"]}",
                server.get("/v2").body()
                        .replaceFirst("\"version\":\"[0-9.]+(-SNAPSHOT)?(\\+[0-9A-Za-z.]+)?\"",
                                "\"version\":\"0.0.0\""));
    }

    @ParameterizedTest
    @CsvSource({"POST,/v2,application/json", "PUT,/v2/health/live,text/plain", "DELETE,/v2/logging,application/json",
        "GET,/v2/models/batched/infer,text/plain", "OPTIONS,/v2/models/batched/infer,text/plain",
        "PATCH,/v2/repository/index,application/json", "GET,/v2/repository/models/x/load,application/json",
        "POST,/v2/systemsharedmemory/status,application/json", "BREW,/v2/health/live,text/plain"})
    void refusesWrongMethods(String method, String path, String type) {
        Answer answer = server.send(method, path, "");

        assertEquals(405, answer.status());
        assertEquals("{\"error\":\"Method Not Allowed\"}", answer.body());
        assertEquals(type, answer.header("content-type"));
        assertFalse(answer.header("allow").isEmpty());
        assertFalse(answer.header("allow").contains(method));
    }

    @ParameterizedTest
    @CsvSource({"DELETE,/v2/logging,'GET, POST'", "GET,/v2/models/batched/infer,POST", "POST,/v2,'GET, HEAD'"})
    void saysWhichMethodsAreRight(String method, String path, String allowed) {
        assertEquals(allowed, server.send(method, path, "").header("allow"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"gr%C3%B6%C3%9Fe", "gr%c3%b6%c3%9fe", "my%20model", "m%3A1", "m:1", "%62atched"})
    void readsEscapedNames(String name) {
        assertEquals(200, server.get("/v2/models/" + name + "/ready").status());
        assertEquals(200, server.post("/v2/models/" + name + "/infer", BODY).status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"%2562atched", "batched%2finfer", "my+model"})
    void readsEscapedNamesOnce(String name) {
        assertEquals(404, server.get("/v2/models/" + name).status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a%zzb", "%", "%4", "%ff", "%c3"})
    void refusesWhatIsNotEscapedText(String name) {
        Answer answer = server.get("/v2/models/" + name);

        assertEquals(400, answer.status());
        assertEquals("{\"error\":\"'" + name + "' in the path is not percent-encoded UTF-8\"}", answer.body());
    }

    @Test
    void readsEscapedFixedPartsAsWell() {
        assertEquals(200, server.get("/v2/health/%6cive").status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://localhost:8000/v2/health/live", "https://a/v2/health/live"})
    void takesTheWholeAddress(String target) {
        assertEquals(200, server.get(target).status());
    }

    @Test
    void passesOverAnEmptyLineBeforeARequest() {
        try (RawClient client = server.connect()) {
            client.write("\r\n" + RawClient.request("POST", INFER, BODY) + "\r\n"
                    + RawClient.request("GET", "/v2/health/live", ""));

            assertEquals(200, client.read().status());
            assertEquals(200, client.read().status());
        }
    }

    @Test
    void keepsConnectionsOf10ThatAskForIt() {
        String head = " HTTP/1.0\r\nConnection: keep-alive\r\n";
        try (RawClient client = server.connect()) {
            Answer first = client.write("GET /v2/health/live" + head + "\r\n").read();
            assertEquals("keep-alive", first.header("connection"));
            Answer second = client
                    .write("POST " + INFER + head + "Content-Length: " + BODY.length() + "\r\n\r\n" + BODY)
                    .read();
            assertEquals(200, second.status());
            assertEquals("keep-alive", second.header("connection"));
            Answer last = client.write("GET /v2/health/live HTTP/1.0\r\n\r\n").read();
            assertTrue(last.endsConnection());
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void saysWhyItRefusesTwoFramings() {
        try (RawClient client = server.connect()) {
            Answer answer = client.write("POST " + INFER + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\nabc").read();

            assertEquals(400, answer.status());
            assertEquals("{\"error\":\"request has both Transfer-Encoding and Content-Length, so that its end is not "
                    + "clear; send one of them\"}", answer.body());
        }
    }

    @Test
    void refusesABatchOfNoRows() {
        Answer answer = server.post(INFER,
                "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[0,4],\"datatype\":\"FP32\",\"data\":[]}]}");

        assertEquals(400, answer.status());
        assertTrue(answer.body().contains("batch-size must be >= 1 for 'batched'"), answer.body());
    }

    @Test
    void answersWhatIsWrongBeforeInferenceAsPlainJson() {
        Answer answer = server.post("/v2/models/batched/generate_stream", "{\"INPUT0\":[1,2]}");

        assertEquals(400, answer.status());
        assertEquals("application/json", answer.header("content-type"));
        assertTrue(answer.body().startsWith("{\"error\":"), answer.body());
    }

    @Test
    void answersHeadWithoutABody() {
        try (RawClient client = server.connect()) {
            Answer wrong = client.send("HEAD", INFER, "");
            assertEquals(200, client.send("HEAD", "/v2/health/ready", "").status());
            assertEquals(200, client.send("HEAD", "/v2/models/batched", "").status());
            Answer unknown = client.send("HEAD", "/nope", "");
            Answer next = client.send("GET", "/v2/health/live", "");

            assertEquals(405, wrong.status());
            assertEquals("30", wrong.header("content-length"));
            assertEquals(404, unknown.status());
            assertEquals(200, next.status());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/v2/", "/V2", "//v2", "/v2//health/live", "/v2/health/live/", "/v2/models",
        "/v2/models/", "/v2/models//infer", "/v2/models/batched/versions/x/infer",
        "/v2/models/batched/versions/-1", "/v2/models/batched/versions/1/trace/setting", "/v2/./health/live",
        "/v2/health/../health/live", "/v2/health/live;a=b", "/metrics", "/v2/systemsharedmemory/region/status",
        "/v2/trace", "/v2/logging/x", "*"})
    void knowsNothingElse(String path) {
        Answer answer = server.get(path);

        assertEquals(404, answer.status());
        assertEquals("{\"error\":\"Not Found\"}", answer.body());
        assertEquals("text/plain", answer.header("content-type"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v2/health/live?", "/v2/health/live?a=b&c", "/v2/health/live?x=%zz", "/v2/health/live?<>",
        "/v2/health/live?a#b"})
    void ignoresTheQuery(String path) {
        assertEquals(200, server.get(path).status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v2/models/%2e%2e/config", "/v2/models/a%00b"})
    void takesEncodedPathsAsTheyAre(String path) {
        Answer answer = server.get(path);

        assertTrue(answer.status() == 404 || answer.status() == 400, answer.body());
        assertTrue(answer.body().startsWith("{\"error\":\""), answer.body());
    }

    @Test
    void refusesPathsThatAreTooLong() {
        Answer fits = server.get("/v2/models/" + "a".repeat(60_000));
        Answer tooLong = server.get("/v2/models/" + "a".repeat(70_000));

        assertEquals(404, fits.status());
        assertEquals(414, tooLong.status());
        assertEquals("{\"error\":\"request path is longer than 65536 bytes\"}", tooLong.body());
    }

    @Test
    void refusesHeadersThatAreTooLong() {
        assertEquals(200, server.get("/v2/health/live", "X-A: " + "a".repeat(60_000)).status());
        Answer tooLong = server.get("/v2/health/live", "X-A: " + "a".repeat(70_000));

        assertEquals(431, tooLong.status());
        assertEquals("{\"error\":\"request headers are longer than 65536 bytes\"}", tooLong.body());
    }

    @Test
    void needsNoHost() {
        try (RawClient client = server.connect()) {
            assertEquals(200, client.write("GET /v2/health/live HTTP/1.1\r\n\r\n").read().status());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Content-Length: abc", "Content-Length: -5", "Content-Length: 99999999999999999999",
        "Content-Length: 4294967296", "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, chunked", "Bad Header: 1"})
    void refusesBrokenFraming(String header) {
        try (RawClient client = server.connect()) {
            Answer answer = client.write("POST " + INFER + " HTTP/1.1\r\nHost: a\r\n" + header + "\r\n\r\nabc").read();

            assertTrue(answer.status() >= 400 && answer.status() <= 501 && answer.status() != 500, answer.line());
            assertTrue(answer.body().startsWith("{\"error\":\""), answer.body());
            assertTrue(answer.endsConnection());
            assertTrue(client.isClosedByServer());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"\r\n\r\n", "hello\r\n\r\n", "GET\r\n\r\n", "GET /v2\r\n\r\n", "GET /v2 HTTP/2.0\r\n\r\n",
        "GET /v2 HTTP/0.9\r\n\r\n", "GET /v2 HTTP/1.1\nHost: a\n\n", "GET  /v2 HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u0016\u0003\u0001\u0000\u0005\r\n\r\n"})
    void answersWhatIsNotHttpWithJson(String text) {
        try (RawClient client = server.connect()) {
            Answer answer = client.write(text).read();

            assertTrue(answer.status() == 400 || answer.status() == 505, answer.line());
            assertTrue(answer.body().startsWith("{\"error\":\""), answer.body());
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void serves10AndEndsTheConnection() {
        try (RawClient client = server.connect()) {
            Answer answer = client.write("GET /v2/health/live HTTP/1.0\r\n\r\n").read();

            assertEquals(200, answer.status());
            assertTrue(answer.endsConnection());
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void serves10WithABodyInPieces() {
        String request = "POST " + INFER + " HTTP/1.0\r\nContent-Length: " + BODY.length()
                + "\r\n\r\n" + BODY;
        try (RawClient client = server.connect()) {
            for (int i = 0; i < request.length(); i += 17) {
                client.write(request.substring(i, Math.min(request.length(), i + 17)));
            }
            Answer answer = client.read();

            assertEquals(200, answer.status());
            assertTrue(answer.body().contains("[1.0,2.0,3.0,4.0]"), answer.body());
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void answersPipelinedRequestsInOrder() {
        try (RawClient client = server.connect()) {
            client.write(RawClient.request("GET", "/v2/health/live", "") + RawClient.request("POST", INFER, BODY)
                    + RawClient.request("GET", "/nope", "") + RawClient.request("POST", INFER, BODY));

            assertEquals(200, client.read().status());
            assertEquals(200, client.read().status());
            assertEquals(404, client.read().status());
            assertEquals(200, client.read().status());
        }
    }

    @Test
    void keepsTheConnectionAfterErrorsWithABodyThatNobodyRead() {
        try (RawClient client = server.connect()) {
            assertEquals(404, client.send("POST", "/v2/models/nope/infer", "x".repeat(100_000)).status());
            assertEquals(405, client.send("POST", "/v2/health/live", "x".repeat(1_000_000)).status());
            assertEquals(400, client.send("POST", INFER, "{").status());
            assertEquals(200, client.send("POST", INFER, BODY).status());
            assertFalse(client.send("GET", "/v2/health/live", "").endsConnection());
        }
    }

    @Test
    void closesWhereItIsAskedTo() {
        try (RawClient client = server.connect()) {
            assertTrue(client.send("GET", "/v2/health/live", "", "Connection: close").endsConnection());
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void asksForTheBodyOnlyWhenItWantsIt() {
        try (RawClient client = server.connect()) {
            String head = "POST " + INFER + " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
                    + BODY.length() + "\r\n\r\n";
            assertEquals(100, client.write(head).read().status());
            assertEquals(200, client.write(BODY).read().status());
        }
        try (RawClient client = server.connect()) {
            String path = "/v2/models/nope/infer";
            Answer answer = client.write("POST " + path + " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    + "Content-Length: 1000000\r\n\r\n").read();

            assertEquals(404, answer.status());
            assertEquals("{\"error\":\"Request for unknown model: 'nope' is not found\"}", answer.body());
        }
    }

    @Test
    void refusesVersionsThatAreTooLarge() {
        Answer answer = server.get("/v2/models/batched/versions/99999999999999999999");

        assertEquals(400, answer.status());
        assertEquals("{\"error\":\"failed to get model version from specified version string "
                + "'99999999999999999999' (details: stol), version should be an integral value > 0\"}", answer.body());
    }
}
