package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.server.http.RawClient.Answer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What requests and answers take of the heap is counted before it is taken, on a server whose heap is nearly full. */
class HeapTest {
    private static final int LEFT = 160 * 1024;
    private static final int VALUES = 20_000;
    private static final int MANY = 500_000;

    private TestServer server;
    private HeapBudget heap;
    private long taken;

    @BeforeEach
    void fillTheHeap(@TempDir Path directory) {
        server = TestServer.start(directory);
        heap = server.server().engine().buffers().heap();
        for (long bytes = Long.MAX_VALUE / 4; bytes > 0; bytes /= 2) {
            while (heap.tryReserve(bytes)) {
                taken += bytes;
            }
        }
        heap.release(LEFT);
        taken -= LEFT;
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private Answer metrics() {
        try (RawClient client = RawClient.connect(server.metricsPort())) {
            return client.send("GET", "/metrics", "");
        }
    }

    private Answer classify(int classes) {
        String json = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + VALUES + "],\"datatype\":\"FP32\","
                + "\"parameters\":{\"binary_data_size\":" + 4 * VALUES + "}}],\"outputs\":[{\"name\":\"OUTPUT0\","
                + "\"parameters\":{\"classification\":" + classes + ",\"binary_data\":true}}]}";
        int length = json.getBytes(StandardCharsets.UTF_8).length;
        return server.post("/v2/models/single/infer", json + "\0".repeat(4 * VALUES),
                "Inference-Header-Content-Length: " + length);
    }

    @Test
    void metricsAreCounted() {
        Answer refused = metrics();
        assertEquals(503, refused.status());
        assertTrue(refused.body().contains("would pass the bound on the Java heap"), refused.body());

        heap.release(taken);
        assertEquals(200, metrics().status());
        assertTrue(metrics().body().contains("nv_inference_count"));
        awaitNothingInUse();
    }

    @Test
    void classificationsAreCounted() {
        // Room for the request, and for few texts.
        heap.release(1 << 20);
        taken -= 1 << 20;
        assertEquals(200, classify(1).status());
        Answer refused = classify(VALUES);
        assertEquals(503, refused.status());
        assertTrue(refused.body().contains("would pass the bound on the Java heap"), refused.body());

        heap.release(taken);
        assertEquals(200, classify(VALUES).status());
        awaitNothingInUse();
    }

    private Answer inferJson(String parameters, String... headers) {
        String body = "{\"parameters\":{" + parameters + "},\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + MANY
                + "],\"datatype\":\"FP32\",\"data\":[1.5" + ",1.5".repeat(MANY - 1) + "]}],\"outputs\":["
                + "{\"name\":\"OUTPUT0\",\"parameters\":{\"binary_data\":true}}]}";
        return server.post("/v2/models/single/infer", body, headers);
    }

    @Test
    void jsonOfTensorsIsNotOnTheHeapAndTextsAre() {
        Answer answer = inferJson("");
        assertEquals(200, answer.status(), answer.body());
        assertTrue(answer.bytes().length > Float.BYTES * MANY);

        Answer refused = inferJson("\"text\":\"" + "x".repeat(LEFT) + "\"");
        assertEquals(503, refused.status());
        assertTrue(refused.body().contains("would pass the bound on the Java heap"), refused.body());

        heap.release(taken);
        assertEquals(200, inferJson("\"text\":\"" + "x".repeat(LEFT) + "\"").status());
        awaitNothingInUse();
    }

    private void awaitNothingInUse() {
        assertEquals(0, server.bytesHeld());
        server.close();
        assertEquals(0, heap.inUseBytes());
    }
}
