package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.testkit.Eventually;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The memory that {@code docs/operating.md} says a container needs is enough, with requests up to every bound. */
@Timeout(120)
class MemoryIT {
    private static final long MIB = 1 << 20;
    private static final int ROUNDS = 3;
    private static final int CLIENTS = 24;
    private static final int VALUES = 1 << 21;
    private static final String INFER = "/v2/models/echo/infer";

    @TempDir
    Path directory;

    /** 384 MiB for the process, a quarter of all for the heap, as much for requests as for models. */
    @Test
    void servesInAContainerOfTheDocumentedSizeWhatItsBoundsAllow() throws Exception {
        Path repository = repository();
        Optional<MemoryGroup> made = MemoryGroup.create(768 * MIB);
        assumeTrue(made.isPresent(), "this process can't make a control group that bounds memory");
        try (MemoryGroup group = made.get();
                RunningServer server = RunningServer.startUnder(group.enter(), Map.of(), repository)) {
            awaitLog(server, "memory: 768 MiB; Java heap up to 192 MiB, requests and responses up to 96 MiB "
                    + "(--max-inflight-bytes)");

            int answered = 0;
            for (int round = 0; round < ROUNDS; round++) {
                List<Integer> statuses = load(server);
                assertTrue(statuses.stream().allMatch(status -> status == 200 || status == 503), statuses::toString);
                answered += (int) statuses.stream().filter(status -> status == 200).count();
            }

            assertTrue(answered >= ROUNDS, "only " + answered + " were answered");
            assertEquals(200, server.post(INFER, json(4)).statusCode());
            server.process().destroy();
            assertTrue(server.process().waitFor(30, TimeUnit.SECONDS), "the server did not end");
            assertEquals(0, server.process().exitValue());
        }
    }

    @Test
    void anOptionOfTheUserDecidesAboutTheHeap() throws Exception {
        try (RunningServer server = RunningServer.start(RunningServer.LAYOUT,
                Map.of("NEREID_JAVA_OPTIONS", "-Xmx100m"), repository())) {
            awaitLog(server, "Java heap up to 100 MiB");
            assertFalse(server.log().contains("10000 connections"), server::log);
        }
    }

    /** The log is read by a thread of its own. */
    private static void awaitLog(RunningServer server, String text) {
        Eventually.until("the log has '" + text + "'", () -> server.log().contains(text));
    }

    private Path repository() throws IOException {
        Path repository = directory.resolve("models");
        Files.createDirectories(repository.resolve("echo/1"));
        Files.writeString(repository.resolve("echo/config.pbtxt"), """
                backend: "identity"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
                """);
        return repository;
    }

    /** Sends more at once than the bounds allow, binary and JSON by turns, and returns the statuses. */
    private static List<Integer> load(RunningServer server) throws Exception {
        String head = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + VALUES + "],\"datatype\":\"FP32\","
                + "\"parameters\":{\"binary_data_size\":" + 4 * VALUES + "}}],"
                + "\"parameters\":{\"binary_data_output\":true}}";
        HttpRequest binary = HttpRequest.newBuilder(server.uri(INFER))
                .header("Inference-Header-Content-Length", Integer.toString(head.length()))
                .POST(BodyPublishers.concat(BodyPublishers.ofString(head), BodyPublishers.ofByteArray(
                        new byte[4 * VALUES])))
                .build();
        HttpRequest json = HttpRequest.newBuilder(server.uri(INFER)).POST(BodyPublishers.ofString(json(VALUES)))
                .build();
        List<CompletableFuture<Integer>> answers = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            answers.add(server.client().sendAsync(i % 2 == 0 ? binary : json, BodyHandlers.discarding())
                    .thenApply(response -> response.statusCode()));
        }
        List<Integer> statuses = new ArrayList<>();
        for (CompletableFuture<Integer> answer : answers) {
            statuses.add(answer.get(60, TimeUnit.SECONDS));
        }
        return statuses;
    }

    private static String json(int values) {
        return "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + values + "],\"datatype\":\"FP32\",\"data\":["
                + "1.5,".repeat(values - 1) + "1.5]}]}";
    }
}
