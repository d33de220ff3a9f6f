package dev.nereid.server.http;

import dev.nereid.backend.api.testkit.Eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.tensor.Placement;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The statistics and counters of requests that a server has answered (metrics-and-statistics, 1.2 and 2). */
class StatisticsTest {
    private static final String QUEUED = "/v2/models/queued/infer";
    private static final String ROW = "{\"parameters\":{%s},\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,1],"
            + "\"datatype\":\"FP32\",\"data\":[1]}]}";

    private TestServer server;

    @BeforeEach
    void start(@TempDir Path directory) {
        model(directory, "queued", 1, """
                dynamic_batching {
                  priority_levels: 2 default_priority_level: 1
                  default_queue_policy { default_timeout_microseconds: 1000000 allow_timeout_override: true
                                         max_queue_size: 1 }
                }
                """);
        model(directory, "versions", 1, "version_policy { all { } }");
        model(directory, "versions", 3, "version_policy { all { } }");
        server = TestServer.start(directory);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static void model(Path directory, String name, int version, String more) {
        Path model = directory.resolve("models").resolve(name);
        try {
            Files.createDirectories(model.resolve(Integer.toString(version)));
            Files.writeString(model.resolve("config.pbtxt"), """
                    backend: "echo"
                    max_batch_size: 8
                    instance_group [{ count: 1 kind: KIND_CPU }]
                    input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 1 ] }]
                    output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 1 ] }]
                    %s
                    """.formatted(more));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void infer(int rows) {
        String body = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[%d,1],\"datatype\":\"FP32\",\"data\":%s}]}"
                .formatted(rows, List.of(1, 2, 3, 4).subList(0, rows));
        assertEquals(200, server.post(QUEUED, body).status());
    }

    /** Returns the statistics with a letter for each time that is not zero. */
    private String statistics(String model) {
        return server.get("/v2/models/" + model + "/stats").body().replaceAll("\"ns\":[1-9]\\d*", "\"ns\":T")
                .replaceAll("\"last_inference\":1\\d{12}\\b", "\"last_inference\":T");
    }

    @Test
    void beginAtZero() {
        assertEquals("""
                {"model_stats":[{"name":"queued","version":"1","last_inference":0,"inference_count":0,\
                "execution_count":0,"inference_stats":{"success":{"count":0,"ns":0},"fail":{"count":0,"ns":0},\
                "queue":{"count":0,"ns":0},"compute_input":{"count":0,"ns":0},"compute_infer":{"count":0,"ns":0},\
                "compute_output":{"count":0,"ns":0},"cache_hit":{"count":0,"ns":0},"cache_miss":{"count":0,"ns":0}},\
                "response_stats":{},"batch_stats":[],"memory_usage":[]}]}""", statistics("queued"));
    }

    @Test
    void countRequestsRowsAndExecutions() {
        infer(3);
        infer(1);
        infer(3);
        assertEquals(503, server.post(QUEUED, ROW.formatted("\"fail\":\"no\"")).status());

        assertEquals("""
                {"model_stats":[{"name":"queued","version":"1","last_inference":T,"inference_count":7,\
                "execution_count":3,"inference_stats":{"success":{"count":3,"ns":T},"fail":{"count":1,"ns":T},\
                "queue":{"count":3,"ns":T},"compute_input":{"count":3,"ns":T},"compute_infer":{"count":3,"ns":T},\
                "compute_output":{"count":3,"ns":T},"cache_hit":{"count":0,"ns":0},"cache_miss":{"count":0,"ns":0}},\
                "response_stats":{},"batch_stats":[\
                {"batch_size":1,"compute_input":{"count":1,"ns":T},"compute_infer":{"count":1,"ns":T},\
                "compute_output":{"count":1,"ns":T}},\
                {"batch_size":3,"compute_input":{"count":2,"ns":T},"compute_infer":{"count":2,"ns":T},\
                "compute_output":{"count":2,"ns":T}}],"memory_usage":[]}]}""", statistics("queued"));
        assertEquals(3, counted("nv_inference_request_success"));
        assertEquals(7, counted("nv_inference_count"));
        assertEquals(3, counted("nv_inference_exec_count"));
    }

    private double counted(String family) {
        return server.metric(family, "model=\"queued\"").orElse(-1.0);
    }

    @Test
    void tellWhyRequestsFailed() throws InterruptedException {
        try (RawClient busy = server.connect(); RawClient gone = server.connect()) {
            busy.write(RawClient.request("POST", QUEUED, ROW.formatted("\"hold\":true")));
            server.backend().awaitHeld();
            gone.write(RawClient.request("POST", QUEUED, ROW.formatted("\"priority\":2")));
            awaitPending(1);

            RawClient.Answer full = server.post(QUEUED, ROW.formatted("\"priority\":2"));
            RawClient.Answer expired = server.post(QUEUED, ROW.formatted("\"timeout\":1000"));
            gone.reset();
            awaitPending(0);
            server.backend().release();

            assertEquals("{\"error\":\"[request id: <id_unknown>] Exceeds maximum queue size\"}", full.body());
            assertEquals("{\"error\":\"Request timeout expired\"}", expired.body());
            assertEquals(200, busy.read().status());
        }
        assertEquals(503, server.post(QUEUED, ROW.formatted("\"fail\":\"no\"")).status());
        // What is refused before it is queued is not counted.
        assertEquals(400, server.post(QUEUED, ROW.formatted("").replace("[1,1]", "[1,2]")).status());

        assertEquals(1, failed("REJECTED"));
        assertEquals(1, failed("CANCELED"));
        assertEquals(1, failed("BACKEND"));
        assertEquals(1, failed("OTHER"));
        assertEquals(1, counted("nv_inference_request_success"));
        assertTrue(statistics("queued").contains("\"fail\":{\"count\":4,\"ns\":T}"), statistics("queued"));
    }

    private double failed(String reason) {
        return server.metric("nv_inference_request_failure",
                "model=\"queued\",reason=\"" + reason + "\",version=\"1\"").orElse(-1.0);
    }

    private void awaitPending(int expected) {
        Eventually.until(expected + " requests wait", () -> counted("nv_inference_pending_request_count") == expected);
    }

    @Test
    void showTheMemoryThatABackendKnowsOf() {
        Placement gpu = new Placement(Placement.Kind.GPU, 1);
        server.backend().memoryUsage(List.of(new MemoryUsage(gpu, 5), new MemoryUsage(Placement.CPU, 3_000_000_000L),
                new MemoryUsage(Placement.CPU, 7)));

        assertTrue(statistics("queued").endsWith("\"memory_usage\":["
                + "{\"type\":\"CPU\",\"id\":0,\"byte_size\":3000000007},{\"type\":\"GPU\",\"id\":1,\"byte_size\":5}]}]}"),
                statistics("queued"));
    }

    @Test
    void areThereForEachVersionByNameAndNumber() {
        List<String> all = List.of("batched/1", "queued/1", "single/1", "text/1", "versions/1", "versions/3");

        assertEquals(all, names("/v2/models/stats"));
        assertEquals(List.of("versions/1", "versions/3"), names("/v2/models/versions/stats"));
        assertEquals(List.of("versions/3"), names("/v2/models/versions/versions/3/stats"));
        assertEquals("{\"error\":\"requested model version is not available for model 'versions'\"}",
                server.get("/v2/models/versions/versions/2/stats").body());
    }

    private List<String> names(String path) {
        return server.get(path).body().lines().flatMap(text -> Pattern
                .compile("\"name\":\"(\\w+)\",\"version\":\"(\\d+)\"").matcher(text).results())
                .map(found -> found.group(1) + "/" + found.group(2)).toList();
    }
}
