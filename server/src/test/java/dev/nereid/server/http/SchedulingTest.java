package dev.nereid.server.http;

import dev.nereid.backend.api.testkit.Eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How requests of several clients become executions: those that wait while the only instance is busy. */
class SchedulingTest {
    private final Path directory;
    private final List<RawClient> clients = new ArrayList<>();
    private final TestServer server;

    SchedulingTest(@TempDir Path directory) {
        this.directory = directory;
        server = TestServer.start(directory, "--model-control-mode=explicit");
    }

    @AfterEach
    void stop() {
        clients.forEach(RawClient::close);
        assertEquals(0, server.bytesHeld());
        server.close();
    }

    /** Loads a model of one instance, which is busy until {@link #release()}. */
    private void load(int maxBatchSize, String batching) throws InterruptedException {
        Path model = directory.resolve("models/m");
        try {
            Files.createDirectories(model.resolve("1"));
            Files.writeString(model.resolve("config.pbtxt"), """
                    backend: "echo"
                    max_batch_size: %d
                    instance_group [{ count: 1 kind: KIND_CPU }]
                    input [{ name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] }]
                    output [{ name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] }]
                    %s
                    """.formatted(maxBatchSize, batching));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        assertEquals(200, server.post("/v2/repository/models/m/load", "").status());
        clients.add(send(body("first", 1, 1, "\"hold\":true")));
        server.backend().awaitHeld();
    }

    private RawClient send(String body) {
        return server.connect().write(RawClient.request("POST", "/v2/models/m/infer", body));
    }

    private static String body(String id, int rows, int columns, String parameters) {
        return "{\"id\":\"%s\",\"parameters\":{%s},\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[%d,%d],\"datatype\":\"INT32\",\"data\":%s}]}"
                .formatted(id, parameters, rows, columns, Collections.nCopies(rows * columns, (int) id.charAt(0)));
    }

    /** Sends a request, and returns when it waits. */
    private void enqueue(String id, int rows, int columns, String parameters) {
        double waiting = pending();
        clients.add(send(body(id, rows, columns, parameters)));
        awaitPending(waiting + 1);
    }

    private void enqueue(String id, String parameters) {
        enqueue(id, 1, 1, parameters);
    }

    private double pending() {
        return server.metric("nv_inference_pending_request_count", "model=\"m\"").orElse(-1.0);
    }

    private void awaitPending(double expected) {
        Eventually.until(expected + " requests wait", () -> pending() == expected);
    }

    /** Lets the instance go on; returns what the clients got, in the order in which they asked. */
    private List<String> release() {
        server.backend().release();
        return clients.stream().map(client -> client.read().body().replaceAll(".*\"shape\":", "")).toList();
    }

    /** Returns the ids of the requests of each execution after the first. */
    private List<String> batches() {
        return server.backend().batches().stream().skip(1).map(ids -> ids.stream().collect(Collectors.joining("+")))
                .toList();
    }

    @Test
    void mergesWhatWaitsAndGivesEachClientItsRows() throws InterruptedException {
        load(8, "dynamic_batching { }");
        enqueue("a", 1, 2, "");
        enqueue("b", 3, 2, "");
        enqueue("c", 2, 2, "");

        assertEquals(List.of("[1,1],\"data\":[102]}]}", "[1,2],\"data\":[97,97]}]}",
                "[3,2],\"data\":[98,98,98,98,98,98]}]}", "[2,2],\"data\":[99,99,99,99]}]}"), release());
        assertEquals(List.of("a+b+c"), batches());
    }

    @Test
    void endsABatchWhereRowsOrShapesDoNotFit() throws InterruptedException {
        load(4, "dynamic_batching { }");
        enqueue("a", 3, 1, "");
        enqueue("b", 2, 1, "");
        enqueue("c", 1, 2, "");
        enqueue("d", 1, 2, "");
        List<String> ignored = release();

        assertEquals(List.of("a", "b", "c+d"), batches());
    }

    @Test
    void executesEachRequestAloneWithoutDynamicBatching() throws InterruptedException {
        load(8, "");
        enqueue("a", 2, 1, "");
        enqueue("b", 1, 1, "");
        List<String> ignored = release();

        assertEquals(List.of("a", "b"), batches());
        RawClient.Answer tooLarge = server.post("/v2/models/m/infer", body("e", 9, 1, ""));
        assertEquals(400, tooLarge.status());
        assertEquals("{\"error\":\"[request id: e] inference request batch-size must be <= 8 for 'm'\"}",
                tooLarge.body());
    }

    @Test
    void takesEmptyTensors() throws InterruptedException {
        load(8, "dynamic_batching { }");
        enqueue("a", 1, 0, "");
        enqueue("b", 2, 0, "");
        enqueue("c", 0, 3, "");

        assertEquals(List.of("[1,0],\"data\":[]}]}", "[2,0],\"data\":[]}]}", "[0,3],\"data\":[]}]}"),
                release().subList(1, 4));
        assertEquals(List.of("a+b", "c"), batches());
    }

    @Test
    void servesLevelOneFirst() throws InterruptedException {
        load(1, "dynamic_batching { priority_levels: 3 default_priority_level: 2 }");
        enqueue("low", "\"priority\":3");
        enqueue("default", "");
        enqueue("beyond", "\"priority\":9");
        enqueue("high", "\"priority\":1");
        List<String> ignored = release();

        assertEquals(List.of("high", "default", "beyond", "low"), batches());
    }

    @Test
    void putsWhatWaitedTooLongBehindItsLevel() throws InterruptedException {
        load(1, """
                dynamic_batching { priority_levels: 2 default_priority_level: 1
                  priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 3600000000
                                                         allow_timeout_override: true } } }""");
        enqueue("late", "\"timeout\":1");
        enqueue("patient", "");
        enqueue("other", "\"priority\":2");
        List<String> ignored = release();

        assertEquals(List.of("patient", "late", "other"), batches());
    }

    @Test
    void answersInOrderWhereThatIsAsked() throws InterruptedException {
        load(1, "dynamic_batching { preserve_ordering: true }");
        enqueue("a", "");
        enqueue("b", "\"fail\":\"no\"");
        enqueue("c", "");
        List<String> answers = release();

        assertEquals(List.of("a", "b", "c"), batches());
        assertTrue(answers.get(2).contains("no"), answers::toString);
    }
}
