package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.http.RawClient.Answer;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What clients see while a server ends. */
class StopTest {
    private static final String INFER = "/v2/models/single/infer";
    private static final String HELD = TestServer.inferBody("\"hold\":true").replace("[1,4]", "[4]");
    private static final String BODY = TestServer.inferBody("").replace("[1,4]", "[4]");

    @TempDir
    private Path directory;

    private static CompletableFuture<Boolean> stop(TestServer server) {
        CompletableFuture<Boolean> stopped = CompletableFuture.supplyAsync(server.server()::closeInTime);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!server.server().engine().isStopping() && System.nanoTime() < deadline) {
            LockSupport.parkNanos(100_000);
        }
        // The port closes right after.
        while (acceptsConnections(server) && System.nanoTime() < deadline) {
            LockSupport.parkNanos(1_000_000);
        }
        return stopped;
    }

    private static boolean acceptsConnections(TestServer server) {
        try (RawClient client = server.connect()) {
            return client != null;
        } catch (UncheckedIOException e) {
            return false;
        }
    }

    @Test
    void answersKeptConnectionsOnceMore() throws Exception {
        try (TestServer server = TestServer.start(directory);
                RawClient running = server.connect();
                RawClient health = server.connect();
                RawClient kept = server.connect()) {
            assertEquals(200, health.send("GET", "/v2/health/live", "").status());
            assertFalse(kept.send("POST", INFER, BODY).endsConnection());
            running.write(RawClient.request("POST", INFER, HELD));
            server.backend().awaitHeld();
            CompletableFuture<Boolean> stopped = stop(server);

            Answer live = health.send("GET", "/v2/health/live", "");
            assertEquals(503, live.status());
            assertEquals("{\"error\":\"Server exiting\"}", live.body());
            assertTrue(live.endsConnection());
            kept.write(RawClient.request("POST", INFER, BODY));
            server.backend().release();
            assertTrue(running.read().endsConnection());
            Answer answer = kept.read();
            assertEquals(200, answer.status(), answer.body());
            assertTrue(answer.endsConnection());
            assertTrue(kept.isClosedByServer());
            assertTrue(stopped.get(20, TimeUnit.SECONDS));
        }
    }

    @Test
    void takesNoNewConnections() {
        try (TestServer server = TestServer.start(directory)) {
            assertTrue(server.server().closeInTime());
            assertThrows(UncheckedIOException.class, server::connect);
        }
    }

    @Test
    void endsIdleConnectionsSoon() {
        try (TestServer server = TestServer.start(directory); RawClient idle = server.connect()) {
            assertEquals(200, idle.send("GET", "/v2/health/live", "").status());
            long start = System.nanoTime();
            assertTrue(server.server().closeInTime());

            assertTrue(idle.isClosedByServer());
            assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(10));
        }
    }

    @Test
    void takesNoLongerThanItMayWhateverARequestDoes() throws Exception {
        try (TestServer server = TestServer.start(directory, "--exit-timeout-secs=2");
                RawClient running = server.connect()) {
            running.write(RawClient.request("POST", INFER, HELD));
            server.backend().awaitHeld();
            long start = System.nanoTime();
            server.server().closeInTime();
            Duration took = Duration.ofNanos(System.nanoTime() - start);
            server.backend().release();

            assertTrue(took.compareTo(Duration.ofMillis(3500)) < 0, took.toString());
        }
    }
}
