package dev.nereid.server.http;

import static dev.nereid.server.http.EnsembleFiles.scheduling;
import static dev.nereid.server.http.EnsembleFiles.step;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.http.RawClient.Answer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Loads and unloads of ensembles and their models over HTTP. */
@Timeout(120)
class EnsembleLifecycleTest {
    private static final String ROW = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,4],\"datatype\":\"FP32\","
            + "\"data\":[1,2,3,4]}]}";
    private static final int CLIENTS = 3;

    private EnsembleFiles files;
    private TestServer server;

    @BeforeEach
    void start(@TempDir Path directory) {
        files = new EnsembleFiles(directory);
        files.model("a", "4", "max_batch_size: 8").model("b", "4", "max_batch_size: 8")
                .ensemble("e", "4", "max_batch_size: 4", step("a", "INPUT0", "x"), step("b", "x", "OUTPUT0"))
                .ensemble("outer", "4", "max_batch_size: 4", step("e", "INPUT0", "OUTPUT0"));
        server = TestServer.start(directory, "--model-control-mode=explicit");
    }

    @AfterEach
    void stop() {
        assertEquals(0, server.bytesHeld());
        server.close();
    }

    private Answer load(String model) {
        return server.post("/v2/repository/models/" + model + "/load", "");
    }

    private Answer infer(String model) {
        return server.post("/v2/models/" + model + "/infer", ROW);
    }

    private String ready() {
        return server.post("/v2/repository/index", "{\"ready\":true}").body()
                .replaceAll("\\{\"name\":\"(\\w+)\",\"version\":\"1\",\"state\":\"READY\"}", "$1");
    }

    @Test
    void modelsComeWithTheirEnsembleAndGoWithItWhereThatIsAskedFor() {
        assertEquals(200, load("outer").status());
        assertEquals("[a,b,e,outer]", ready());
        assertEquals(200, load("b").status());

        assertEquals(200, server.post("/v2/repository/models/outer/unload",
                "{\"parameters\":{\"unload_dependents\":true}}").status());

        assertEquals("[b]", ready());
        assertEquals("{\"error\":\"Request for unknown model: 'e' has no available versions\"}", infer("e").body());
    }

    @Test
    void anEnsembleIsAwayWhileOneOfItsModelsIs() {
        assertEquals(200, load("outer").status());

        assertEquals(200, server.post("/v2/repository/models/a/unload", "").status());

        assertEquals("[b]", ready());
        assertEquals(400, server.get("/v2/models/outer/ready").status());
        assertEquals(200, load("a").status());
        assertEquals("[a,b,e,outer]", ready());
        assertEquals(200, infer("outer").status());
    }

    @Test
    void requestsNoticeNothingOfReloadsOfTheModels() throws InterruptedException {
        assertEquals(200, load("outer").status());
        AtomicBoolean isOver = new AtomicBoolean();
        AtomicInteger answered = new AtomicInteger();
        ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < CLIENTS; i++) {
                clients.execute(() -> {
                    try (RawClient client = server.connect()) {
                        while (!isOver.get()) {
                            Answer answer = client.send("POST", "/v2/models/outer/infer", ROW);
                            answered.incrementAndGet();
                            if (answer.status() != 200) {
                                wrong.add(answer.body());
                            }
                        }
                    }
                });
            }
            try {
                for (int i = 0; i < 10; i++) {
                    String member = i % 2 == 0 ? "a" : "b";
                    int before = answered.get();
                    files.file(member + "/1/model.bin", "content " + i);
                    assertEquals(200, load(member).status());
                    awaitAnswers(answered, before + 2 * CLIENTS);
                }
            } finally {
                isOver.set(true);
            }
        }
        assertEquals(List.of(), List.copyOf(wrong));
        assertTrue(server.metric("nv_inference_request_success", "model=\"outer\"").orElse(-1.0) < answered.get(),
                "an ensemble counts anew when its models are others");
    }

    private static void awaitAnswers(AtomicInteger answered, int count) {
        long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (answered.get() < count) {
            assertTrue(System.nanoTime() < end, "the clients get no answers");
            LockSupport.parkNanos(100_000);
        }
    }

    @Test
    void aModelThatCannotBeLoadedAgainLeavesTheEnsembleAsItIs() {
        assertEquals(200, load("outer").status());
        files.write("a", "backend: \"echo\" max_batch_size: -1");

        assertEquals(500, load("a").status());

        assertEquals("[a,b,e,outer]", ready());
        assertEquals(200, infer("outer").status());
    }

    /** Returns the answer to a load of an ensemble with those steps, without what all such answers have. */
    private String refusal(String more, String... steps) {
        files.write("x", """
                platform: "ensemble"
                %s
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] }]
                """.formatted(more) + scheduling("", steps));
        Answer answer = load("x");
        return answer.status() + " " + answer.body().replace("{\"error\":\"", "").replace("\"}", "")
                .replace("load failed for model 'x': ", "").replace("\\n", "")
                .replace("failed to load 'x', failed to poll from model repository: ", "");
    }

    @Test
    void whatIsWrongWithAnEnsembleIsTold() {
        String batching = "max_batch_size: 8";
        files.write("ints", """
                backend: "echo" max_batch_size: 8
                input [{ name: "INPUT0" data_type: TYPE_INT32 dims: [ 4 ] }]
                output [{ name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 4 ] }]
                """).model("long", "5", batching);

        assertEquals("500 instance group should not be specified for ensemble 'x'",
                refusal(batching + " instance_group [{ count: 1 }]", step("a", "INPUT0", "OUTPUT0")));
        assertEquals("500 ensemble tensor 'y' is unused in ensemble 'x'",
                refusal(batching, step("a", "INPUT0", "OUTPUT0"), step("a", "INPUT0", "y")));
        assertEquals(
                "500 output 'OUTPUT0' for ensemble 'x' is not written: at least one of its depending tensors, 'z', "
                        + "is not connected",
                refusal(batching, step("a", "INPUT0", "y"), step("b", "z", "OUTPUT0")));
        assertEquals("400 ensemble x contains models that are not available or ambiguous: nobody",
                refusal(batching, step("nobody", "INPUT0", "OUTPUT0")));
        assertEquals("400 ensemble 'x' depends on 'a' whose required version 7 is not loaded.",
                refusal(batching, step("a", "INPUT0", "OUTPUT0").replace("-1", "7")));
        assertEquals("400 circular dependency between ensembles: x -> ... -> x -> x",
                refusal(batching, step("x", "INPUT0", "OUTPUT0")));
        assertEquals(
                "400 ensemble x allows maximum batch size 9, but it contains model a which only allows maximum batch "
                        + "size to be 8",
                refusal("max_batch_size: 9", step("a", "INPUT0", "OUTPUT0")));
        assertEquals(
                "400 in ensemble x, ensemble tensor INPUT0: inconsistent data type: TYPE_FP32 is inferred from model x "
                        + "while TYPE_INT32 is inferred from model ints",
                refusal(batching, step("ints", "INPUT0", "OUTPUT0")));
        assertEquals(
                "400 in ensemble x, ensemble tensor INPUT0: inconsistent shape: [-1,4] is inferred from model x while "
                        + "[-1,5] is inferred from model long",
                refusal(batching, step("long", "INPUT0", "OUTPUT0")));
        assertEquals("[a,ints,long]", ready());
    }
}
