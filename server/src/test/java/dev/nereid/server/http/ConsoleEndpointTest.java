package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.http.RawClient.Answer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The console's port: who is served what. One server that may only look, and one that may change things. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(60)
class ConsoleEndpointTest {
    private static final String KEY = "admin-key: s3cret";
    private static final String BODY = TestServer.inferBody("");

    private TestServer looking;
    private TestServer writing;

    @BeforeAll
    void start(@TempDir Path directory) {
        looking = TestServer.start(directory.resolve("a"), "--console", "--console-port=0",
                "--http-restricted-api=logging,model-config:admin-key=s3cret");
        writing = TestServer.start(directory.resolve("b"), "--console", "--console-port=0", "--console-write",
                "--allow-http=false", "--model-control-mode=explicit", "--load-model=*",
                "--http-restricted-api=logging:admin-key=s3cret");
    }

    @AfterAll
    void stop() {
        looking.close();
        writing.close();
    }

    private static Answer send(TestServer server, String method, String path, String body, String... headers) {
        try (RawClient client = RawClient.connect(server.consolePort())) {
            return client.send(method, path, body, headers);
        }
    }

    /** Follows the events of one whole snapshot, and returns them by their kinds. */
    private static Map<String, String> events(TestServer server, String... headers) throws IOException {
        Map<String, String> events = new TreeMap<>();
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.consolePort())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write(RawClient.request("GET", "/events", "", headers)
                    .getBytes(StandardCharsets.ISO_8859_1));
            BufferedReader in = new BufferedReader(
                    new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            String kind = "";
            while (true) {
                String line = in.readLine();
                if (line.startsWith("event: ")) {
                    kind = line.substring("event: ".length());
                } else if (line.startsWith("data: ") && kind.equals("statistics") && events.containsKey(kind)) {
                    // They are part of every snapshot: this is the second.
                    return events;
                } else if (line.startsWith("data: ")) {
                    events.put(kind, line.substring("data: ".length()));
                }
            }
        }
    }

    private static String text(Map<String, String> events, String kind) {
        return Objects.requireNonNull(events.get(kind), () -> kind + " is not in " + events);
    }

    @Test
    void servesThePageWithATagAndWithoutForeignCode() {
        Answer page = send(looking, "GET", "/", "");
        assertEquals(200, page.status());
        assertEquals("text/html; charset=utf-8", page.header("content-type"));
        assertTrue(page.header("content-security-policy").startsWith("default-src 'none'; script-src 'self'; "),
                page.header("content-security-policy"));
        assertTrue(page.header("content-security-policy").contains("frame-ancestors 'none'"));
        assertEquals("nosniff", page.header("x-content-type-options"));
        assertEquals("", page.header("access-control-allow-origin"));
        Answer again = send(looking, "GET", "/", "", "If-None-Match: " + page.header("etag"));
        assertEquals(304, again.status());
        assertEquals("", again.body());
        Answer script = send(looking, "GET", "/main.js", "", "If-None-Match: " + page.header("etag"));
        assertEquals(200, script.status());
        assertEquals("text/javascript; charset=utf-8", script.header("content-type"));
    }

    @ParameterizedTest
    @CsvSource({"GET, /nothing, 404", "HEAD, /events, 200", "HEAD, /, 200", "POST, /, 405", "DELETE, /events, 405",
        "GET, /../etc/passwd, 404",
        "GET, /metrics, 404", "GET, /v2x, 404"})
    void servesWhatThereIsAndNothingElse(String method, String path, int status) {
        assertEquals(status, send(looking, method, path, "").status());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/events", "/history?model=batched&version=1", "/v2/health/ready",
        "/v2/models/batched"})
    void refusesEveryRequestThatAForeignPageMayHaveSent(String path) {
        try (RawClient client = RawClient.connect(looking.consolePort())) {
            Answer rebound = client.write("GET " + path + " HTTP/1.1\r\nHost: evil.example:8003\r\n\r\n").read();
            assertEquals(403, rebound.status());
            assertTrue(rebound.body().contains("Host 'evil.example:8003' is not a name of this console"),
                    rebound.body());
            assertFalse(rebound.headers().containsKey("access-control-allow-origin"));
        }
        assertEquals(403, send(looking, "GET", path, "", "Origin: http://evil.example").status());
        assertEquals(403, send(looking, "GET", path, "", "Sec-Fetch-Site: cross-site").status());
        assertEquals(403, send(looking, "OPTIONS", path, "", "Origin: http://evil.example").status());
    }

    @Test
    void anInferenceFromTheOwnPageIsServed() {
        assertEquals(200, send(looking, "POST", "/v2/models/batched/infer", BODY, "Origin: http://localhost").status());
        assertEquals(403,
                send(looking, "POST", "/v2/models/batched/infer", BODY, "Origin: http://evil.example").status());
    }

    @ParameterizedTest
    @CsvSource({"POST, /v2/repository/models/batched/load", "POST, /v2/repository/models/batched/unload",
        "POST, /v2/logging"})
    void changesNothingUnlessItMay(String method, String path) {
        Answer answer = send(looking, method, path, "{}", KEY);
        assertEquals(403, answer.status());
        assertEquals(
                "{\"error\":\"this console may only look; --console-write lets it load and unload models and change "
                        + "log settings\"}",
                answer.body());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v2/trace/setting", "/v2/systemsharedmemory/status", "/v2/cudasharedmemory/register"})
    void otherEndpointsAreNotForTheConsole(String path) {
        for (TestServer server : new TestServer[]{looking, writing}) {
            assertEquals("{\"error\":\"not offered on the console's port\"}",
                    send(server, "POST", path, "", KEY).body());
        }
    }

    @Test
    void categoriesAreRestrictedLikeOnTheOtherPorts() throws IOException {
        assertEquals(403, send(looking, "GET", "/v2/models/batched/config", "").status());
        assertEquals(200, send(looking, "GET", "/v2/models/batched/config", "", KEY).status());
        Map<String, String> hidden = events(looking);
        assertEquals("{\"hidden\":[{\"category\":\"model-config\",\"header\":\"admin-key\"},"
                + "{\"category\":\"logging\",\"header\":\"admin-key\"}]}", text(hidden, "access"));
        assertFalse(hidden.containsKey("log"), hidden.toString());
        assertFalse(hidden.containsKey("failures"), hidden.toString());
        Map<String, String> all = events(looking, KEY);
        assertEquals("{\"hidden\":[]}", text(all, "access"));
        assertTrue(all.containsKey("failures"), all.toString());
    }

    @Test
    void loadsUnloadsAndChangesTheLogWhereItMay() {
        assertEquals(200, send(writing, "POST", "/v2/repository/models/text/unload", "").status());
        assertEquals(400, send(writing, "GET", "/v2/models/text/ready", "").status());
        assertEquals(200, send(writing, "POST", "/v2/repository/models/text/load", "").status());
        assertEquals(200, send(writing, "GET", "/v2/models/text/ready", "").status());
        assertEquals(403, send(writing, "POST", "/v2/logging", "{\"log_verbose_level\":1}").status());
        assertEquals(200, send(writing, "POST", "/v2/logging", "{\"log_verbose_level\":1}", KEY).status());
        assertEquals(1, writing.logOptions().verboseLevel());
    }

    @Test
    void showsModelsFiguresMachineFailuresAndLog() throws IOException {
        looking.log("W1130 a line of the log");
        assertEquals(200, send(looking, "POST", "/v2/models/batched/infer", BODY).status());
        assertEquals(400, looking.post("/v2/models/single/infer", "{}").status());
        Map<String, String> events = events(looking, KEY);

        assertTrue(text(events, "server").contains("\"name\":\"triton\""), text(events, "server"));
        assertTrue(text(events, "server").contains("\"httpPort\":" + looking.port()), text(events, "server"));
        assertTrue(text(events, "server").endsWith("\"write\":false}"), text(events, "server"));
        assertTrue(text(events, "models").startsWith("[{\"id\":\"batched\",\"name\":\"batched\",\"version\":\"1\","
                + "\"state\":\"READY\",\"reason\":\"\",\"platform\":\"echo\",\"loadMillis\":"), text(events, "models"));
        assertTrue(
                text(events, "statistics")
                        .contains("{\"id\":\"batched\",\"version\":\"1\",\"instances\":1,\"success\":"),
                text(events, "statistics"));
        assertTrue(text(events, "machine").contains("\"heapUsed\":"), text(events, "machine"));
        assertTrue(
                text(events, "failures")
                        .contains("\"request\":\"POST /v2/models/single/infer\",\"code\":\"INVALID_ARG\""),
                text(events, "failures"));
        assertTrue(text(events, "log").contains("\"W1130 a line of the log\""), text(events, "log"));
        String history = send(looking, "GET", "/history?model=batched&version=1", "").body();
        assertTrue(history.startsWith("[[") || history.equals("[]"), history);
        assertEquals("[]", send(looking, "GET", "/history?model=none&version=1", "").body());
    }

    @Test
    void worksWithoutAnHttpPort() throws IOException {
        assertEquals(-1, writing.port());
        assertTrue(text(events(writing), "server").contains("\"httpPort\":-1"));
        assertEquals(200, send(writing, "POST", "/v2/models/batched/infer", BODY).status());
    }

    private static Socket follow(TestServer server) throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.consolePort());
        socket.setSoTimeout(20_000);
        socket.getOutputStream().write(RawClient.request("GET", "/events", "").getBytes(StandardCharsets.ISO_8859_1));
        assertEquals('H', socket.getInputStream().read());
        return socket;
    }

    @Test
    void tokensAreAskedForAsOnTheOtherPorts(@TempDir Path directory) throws Exception {
        Path tokens = Files.writeString(directory.resolve("tokens"), "0123456789abcdef\n");
        String token = "Authorization: Bearer 0123456789abcdef";
        try (TestServer server = TestServer.start(directory, "--console", "--console-port=0", "--console-write",
                "--auth-token-file=" + tokens, "--http-restricted-api=inference:infer-key=s3cret")) {
            assertEquals(200, send(server, "GET", "/", "").status());
            assertEquals(200, send(server, "GET", "/v2/health/ready", "").status());
            for (String path : new String[]{"/history?model=batched&version=1", "/v2", "/v2/models/batched/config"}) {
                Answer none = send(server, "GET", path, "");
                assertEquals(401, none.status(), path);
                assertEquals("Bearer realm=\"nereid\"", none.header("www-authenticate"));
                assertEquals(401, send(server, "GET", path, "", token + "x").status(), path);
                assertEquals(200, send(server, "GET", path, "", token).status(), path);
            }
            assertEquals(401, send(server, "POST", "/v2/logging", "{\"log_verbose_level\":1}").status());
            assertEquals(0, server.logOptions().verboseLevel());
            assertEquals(403, send(server, "POST", "/v2/models/batched/infer", BODY, token).status());
            assertEquals(200,
                    send(server, "POST", "/v2/models/batched/infer", BODY, token, "infer-key: s3cret").status());
            assertEquals("{\"hidden\":[{\"category\":\"inference\",\"header\":\"infer-key\"}]}",
                    text(events(server, token), "access"));
            assertEquals("{\"hidden\":[]}", text(events(server, token, "infer-key: s3cret"), "access"));

            // Without a token there is nothing to see, which must not keep those who have gone from being noticed.
            List<Socket> viewers = new ArrayList<>();
            for (int i = 0; i < 32; i++) {
                viewers.add(follow(server));
            }
            assertEquals(503, send(server, "GET", "/events", "").status());
            BufferedReader in = new BufferedReader(
                    new InputStreamReader(viewers.getFirst().getInputStream(), StandardCharsets.UTF_8));
            List<String> lines = new ArrayList<>();
            while (!lines.contains(":")) {
                lines.add(in.readLine());
            }
            assertEquals(1, lines.stream().filter(line -> line.startsWith("event: ")).count(), lines.toString());
            for (Socket viewer : viewers) {
                viewer.close();
            }
            Eventually.until("room for another viewer", () -> {
                try (Socket next = follow(server)) {
                    return next.getInputStream().readNBytes("TTP/1.1 200".length())["TTP/1.1 ".length()] == '2';
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }

    /** Whoever looks sees what the server still waits for. */
    @Test
    void endsAsTheLastPort(@TempDir Path directory) throws Exception {
        TestServer server = TestServer.start(directory, "--console", "--console-port=0");
        try (Socket viewer = follow(server); RawClient held = server.connect()) {
            held.write(RawClient.request("POST", "/v2/models/batched/infer", TestServer.inferBody("\"hold\":true")));
            server.backend().awaitHeld();
            CompletableFuture<Boolean> stopped = CompletableFuture.supplyAsync(server.server()::closeInTime);
            BufferedReader in = new BufferedReader(
                    new InputStreamReader(viewer.getInputStream(), StandardCharsets.UTF_8));
            String line = in.readLine();
            while (!line.contains("\"ends\":true")) {
                line = Objects.requireNonNull(in.readLine(), "the console has ended first");
            }
            server.backend().release();
            assertEquals(200, held.read().status());
            assertTrue(stopped.get(30, TimeUnit.SECONDS));
            List<String> rest = in.readAllLines();
            assertEquals(List.of("0", ""), rest.subList(rest.size() - 2, rest.size()), "the stream is whole");
        } finally {
            server.close();
        }
    }
}
