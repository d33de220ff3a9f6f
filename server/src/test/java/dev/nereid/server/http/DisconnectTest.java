package dev.nereid.server.http;

import dev.nereid.backend.api.testkit.Eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clients that go while their request waits or executes. */
class DisconnectTest {
    private static final String SINGLE = "/v2/models/single/infer";
    private static final String BODY = "{\"parameters\":{%s},\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1],"
            + "\"datatype\":\"FP32\",\"data\":[1]}]}";

    private TestServer server;

    @BeforeEach
    void start(@TempDir Path directory) {
        server = TestServer.start(directory);
    }

    @AfterEach
    void stop() {
        assertEquals(0, server.bytesHeld());
        server.close();
    }

    private static String request(String parameters) {
        return RawClient.request("POST", SINGLE, BODY.formatted(parameters));
    }

    @Test
    void tellsTheBackend() throws InterruptedException {
        try (RawClient client = server.connect()) {
            client.write(request("\"hold\":true"));
            server.backend().awaitHeld();

            client.reset();
        }

        assertEquals(200, server.post(SINGLE, BODY.formatted("")).status(), "the only instance is free again");
    }

    @Test
    void dropsWhatWaits() throws InterruptedException {
        try (RawClient busy = server.connect(); RawClient waiting = server.connect()) {
            busy.write(request("\"hold\":true"));
            server.backend().awaitHeld();
            waiting.write(request("\"hold\":true"));
            Eventually.until("the second request waits", () -> pending() == 1);

            waiting.leave();

            Eventually.until("the second request is dropped", () -> pending() == 0);
            server.backend().release();
            assertEquals(200, busy.read().status());
        }
        assertEquals(200, server.post(SINGLE, BODY.formatted("")).status());
    }

    private double pending() {
        return server.metric("nv_inference_pending_request_count", "model=\"single\"").orElse(-1.0);
    }

    @Test
    void keepsBytesThatWereReadAhead() throws InterruptedException {
        try (RawClient client = server.connect()) {
            client.write(request("\"hold\":true"));
            server.backend().awaitHeld();
            client.write(request("\"delay_ms\":400") + request(""));
            server.backend().release();

            assertEquals(200, client.read().status());
            assertEquals(200, client.read().status());
            assertEquals(200, client.read().status());
            assertEquals(200, client.send("GET", "/v2/health/live", "").status());
            // The server reads ahead while this one executes, and gets what the next brings.
            assertEquals(200, client.write(request("\"delay_ms\":300")).read().status());
            assertEquals(200, client.write(request("")).read().status());
        }
    }

    @Test
    void answersAClientThatOnlyStoppedSending() {
        try (RawClient client = server.connect()) {
            client.write(request("\"delay_ms\":500"));
            client.shutdownOutput();

            assertEquals(200, client.read().status());
            assertTrue(client.isClosedByServer());
        }
    }
}
