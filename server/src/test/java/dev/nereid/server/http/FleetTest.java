package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.http.RawClient.Answer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a server that is one of several owes routers in front of it. */
@Timeout(120)
class FleetTest {
    private static final String INFER = "/v2/models/single/infer";
    private static final String BODY = TestServer.inferBody("").replace("[1,4]", "[4]");
    private static final String HELD = TestServer.inferBody("\"hold\":true").replace("[1,4]", "[4]");
    private static final String ASKED = "endpoint-load-metrics-format: text";
    private static final String REPORT = "endpoint-load-metrics";

    @TempDir
    private Path directory;

    @Test
    void tellsTheLoadOfAModelWhereItIsAsked() throws Exception {
        try (TestServer server = TestServer.start(directory);
                RawClient held = server.connect();
                RawClient asking = server.connect()) {
            assertEquals("", server.post(INFER, BODY).header(REPORT));
            Answer alone = server.post(INFER, BODY, ASKED);
            assertEquals("TEXT application_utilization=1, rps_fractional=0", alone.header(REPORT));
            assertEquals(server.post(INFER, BODY).body(), alone.body());

            held.write(RawClient.request("POST", INFER, HELD));
            server.backend().awaitHeld();
            asking.write(RawClient.request("POST", INFER, BODY, "endpoint-load-metrics-format: json"));
            Eventually.until("a second request", () -> server
                    .metric("nv_inference_pending_request_count", "model=\"single\"").orElse(0.0) >= 1);
            assertEquals(1.0, server.metric("nereid_model_instances", "model=\"single\"").orElseThrow());
            assertEquals(1.0, server.metric("nereid_model_instances_busy", "model=\"single\"").orElseThrow());
            server.backend().release();
            assertTrue(asking.read().header(REPORT).startsWith("JSON {\"application_utilization\":2,"));
            assertEquals(200, held.read().status());

            Answer failed = server.post(INFER, BODY.replace("FP32", "INT8"), ASKED);
            assertEquals(400, failed.status());
            assertTrue(failed.header(REPORT).startsWith("TEXT application_utilization=1, "), failed::toString);
            Answer event = server.post("/v2/models/text/generate_stream", "{\"INPUT0\":\"a\"}", ASKED);
            assertTrue(event.header(REPORT).startsWith("TEXT application_utilization="), event::toString);
            Answer unknown = server.post(INFER, BODY, "endpoint-load-metrics-format: xml");
            assertEquals(400, unknown.status());
            assertTrue(unknown.body().contains("expected text, json or bin"), unknown::body);
        }
    }

    @Test
    void servesOnForTheGracePeriodThoughItIsNotReady() throws Exception {
        try (TestServer server = TestServer.start(directory, "--exit-grace-secs=1");
                RawClient kept = server.connect()) {
            assertFalse(kept.send("POST", INFER, BODY).endsConnection());
            CompletableFuture<Boolean> stopped = CompletableFuture.supplyAsync(server.server()::closeInTime);
            Eventually.until("the server to be not ready", () -> server.get("/v2/health/ready").status() == 503);

            assertEquals(200, server.get("/v2/health/live").status());
            Answer answer = server.post(INFER, BODY);
            assertEquals(200, answer.status());
            assertTrue(answer.endsConnection());
            Answer last = kept.send("POST", INFER, BODY);
            assertEquals(200, last.status());
            assertTrue(last.endsConnection());
            assertTrue(stopped.get(30, TimeUnit.SECONDS));
        }
    }

    @Test
    void endsConnectionsThatAreOldWithAnAnswer() {
        try (TestServer server = TestServer.start(directory, "--http-max-connection-age=50");
                RawClient client = server.connect()) {
            int answers = 0;
            boolean isLast = false;
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (!isLast && System.nanoTime() < deadline) {
                Answer answer = client.send("GET", "/v2/health/live", "");
                assertEquals(200, answer.status());
                isLast = answer.endsConnection();
                answers++;
            }
            assertTrue(isLast);
            assertTrue(answers > 1, "the first answer was the last");
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void asksForATokenWhereThereIsAFileOfThem() throws Exception {
        Path tokens = Files.writeString(directory.resolve("tokens"), "0123456789abcdef\nfedcba9876543210\n");
        try (TestServer server = TestServer.start(directory, "--auth-token-file=" + tokens,
                "--http-restricted-api=logging:admin-key=s3cret")) {
            for (String path : new String[]{"/v2", "/v2/models/single", "/v2/models/stats", "/v2/logging"}) {
                Answer none = server.get(path);
                assertEquals(401, none.status(), path);
                assertEquals("Bearer realm=\"nereid\"", none.header("www-authenticate"));
                assertEquals("{\"error\":\"a token is needed, expecting header 'Authorization: Bearer <token>'\"}",
                        none.body());
                Answer wrong = server.get(path, "Authorization: Bearer 0123456789abcdeg");
                assertEquals(401, wrong.status());
                assertEquals("{\"error\":\"the header 'Authorization' holds no token that is known here, expected "
                        + "'Bearer <token>'\"}", wrong.body());
            }
            assertEquals(401, server.post(INFER, BODY).status());
            assertEquals(200, server.post(INFER, BODY, "Authorization: Bearer fedcba9876543210").status());
            assertEquals(200, server.get("/v2", "authorization: bearer 0123456789abcdef").status());
            assertEquals(403, server.get("/v2/logging", "authorization: bearer 0123456789abcdef").status());
            assertEquals(200, server.get("/v2/health/ready").status());
            assertEquals(200, server.get("/v2/health/live").status());
        }
    }
}
