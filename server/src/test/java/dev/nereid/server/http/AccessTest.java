package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.http.RawClient.Answer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Restricted endpoints, forwarded headers and the metrics port, over a socket. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AccessTest {
    private static final String KEY = "admin-key: s3cret";
    private static final String BODY = TestServer.inferBody("");

    private TestServer server;

    @BeforeAll
    void start(@TempDir Path directory) {
        server = TestServer.start(directory,
                "--http-restricted-api=model-repository,shared-memory,trace,logging:admin-key=s3cret",
                "--http-header-forward-pattern=^(X-.*|delay_ms|priority|triton_.*)$");
    }

    @AfterAll
    void stop() {
        server.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v2/repository/index", "/v2/repository/models/x/load", "/v2/logging", "/v2/trace/setting",
        "/v2/models/batched/trace/setting", "/v2/systemsharedmemory/status", "/v2/cudasharedmemory/register"})
    void asksForTheKey(String path) {
        for (String method : new String[]{"GET", "POST", "DELETE", "HEAD"}) {
            for (String header : new String[]{"X: y", "admin-key: nope", "admin-key:", "admin-key: s3cretx"}) {
                Answer answer = server.send(method, path, "", header);
                assertEquals(403, answer.status());
                assertEquals("text/plain", answer.header("content-type"));
                assertEquals(method.equals("HEAD")
                        ? ""
                        : "{\"error\":\"This API is restricted, expecting header 'admin-key'\"}", answer.body());
            }
        }
    }

    @Test
    void letsTheKeyPass() {
        assertEquals(200, server.post("/v2/repository/index", "", KEY).status());
        assertEquals(200, server.get("/v2/logging", "Admin-Key: s3cret").status());
        assertEquals(200, server.get("/v2/health/ready").status());
        assertEquals(200, server.post("/v2/models/batched/infer", BODY).status());
    }

    @Test
    void forwardsHeadersButNoReservedOnes() {
        assertEquals(200, server.post("/v2/models/batched/infer", BODY, "X-Any: 1", "x-other: 2", "Y: 3").status());
        for (String name : new String[]{"priority", "triton_x"}) {
            Answer reserved = server.post("/v2/models/batched/infer", BODY, name + ": 1");
            assertEquals(400, reserved.status());
            assertEquals("{\"error\":\"Header '" + name
                    + "' is reserved for Triton usage and cannot be forwarded.\"}", reserved.body());
        }
    }

    @Test
    void servesMetricsOnTheirPortOnly() {
        try (RawClient client = RawClient.connect(server.metricsPort())) {
            Answer metrics = client.send("GET", "/metrics", "");
            assertEquals(200, metrics.status());
            assertEquals("text/plain; charset=utf-8", metrics.header("content-type"));
            assertTrue(metrics.body().startsWith("# HELP "), metrics.body());
            assertEquals(200, client.send("GET", "/metrics/?a=b", "").status());
            assertEquals(404, client.send("GET", "/v2/health/live", "").status());
            for (String method : new String[]{"POST", "DELETE"}) {
                Answer wrong = client.send(method, "/metrics", "");
                assertEquals(405, wrong.status());
                assertEquals("text/plain", wrong.header("content-type"));
                assertEquals("GET, HEAD", wrong.header("allow"));
            }
            assertEquals(200, client.send("HEAD", "/metrics", "").status());
            assertEquals(405, client.send("POST", "/other", "").status());
        }
        try (RawClient client = RawClient.connect(server.metricsPort())) {
            assertEquals(200, client.write("GET /metrics HTTP/1.0\r\n\r\n").read().status());
        }
    }

    @Test
    void generates() {
        String path = "/v2/models/text/generate";
        Answer one = server.post(path, "{\"INPUT0\":\"a\",\"id\":\"7\",\"x\":1}");
        assertEquals("{\"OUTPUT0\":\"a\",\"id\":\"7\",\"model_name\":\"text\",\"model_version\":\"1\"}", one.body());
        assertEquals("application/json", one.header("content-type"));
        Answer event = server.post(path + "_stream", "{\"INPUT0\":\"a\"}");
        assertEquals("data: {\"OUTPUT0\":\"a\",\"model_name\":\"text\",\"model_version\":\"1\"}\n\n", event.body());
        assertEquals("text/event-stream; charset=utf-8", event.header("content-type"));

        Answer failed = server.post(path, "{\"INPUT0\":\"a\",\"fail\":\"no\"}");
        assertEquals(503, failed.status());
        assertEquals("{\"error\":\"no\"}", failed.body());
        Answer failedEvent = server.post(path + "_stream", "{\"INPUT0\":\"a\",\"fail\":\"no\"}");
        assertEquals(503, failedEvent.status());
        assertEquals("data: {\"error\":\"no\"}\n\n", failedEvent.body());
        assertEquals("text/event-stream; charset=utf-8", failedEvent.header("content-type"));

        Answer before = server.post(path + "_stream", "{\"INPUT0\":[\"a\",\"b\"]");
        assertEquals(400, before.status());
        assertEquals("application/json", before.header("content-type"));
        assertEquals(404, server.post("/v2/models/nope/generate_stream", "{}").status());
        assertEquals("{\"error\":\"Unsupported content-encoding, only 'identity' is supported.\"}",
                server.post(path, "{}", "Content-Encoding: gzip").body());
        assertEquals("{\"error\":\"failed to parse the request JSON buffer: The document is empty. at 0\"}",
                server.post(path, "").body());
    }
}
