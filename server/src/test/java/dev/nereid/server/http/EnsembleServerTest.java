package dev.nereid.server.http;

import static dev.nereid.server.http.EnsembleFiles.scheduling;
import static dev.nereid.server.http.EnsembleFiles.step;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.http.RawClient.Answer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Requests to ensembles over HTTP, with a whole server. */
@Timeout(120)
class EnsembleServerTest {
    private static final String NO_SEQUENCE = "\"sequence_id\":0,\"sequence_start\":false,\"sequence_end\":false";
    private static final String EVENT = "data: {\"OUTPUT0\":1.0,\"model_name\":\"many\",\"model_version\":\"1\","
            + "\"sequence_end\":false,\"sequence_id\":0,\"sequence_start\":false}\n\n";

    private TestServer server;
    private Path trace;

    @BeforeEach
    void start(@TempDir Path directory) {
        EnsembleFiles files = new EnsembleFiles(directory);
        files.model("first", "4", "max_batch_size: 8")
                .model("second", "4", "max_batch_size: 8")
                .ensemble("chain", "4", "max_batch_size: 4", step("first", "INPUT0", "x"),
                        step("second", "x", "OUTPUT0"))
                .ensemble("around", "4", "max_batch_size: 4", step("chain", "INPUT0", "x"),
                        step("second", "x", "OUTPUT0"))
                .ensemble("odd", "-1", "max_batch_size: 4", step("second", "INPUT0", "OUTPUT0"));
        files.model("streams", "-1", "model_transaction_policy { decoupled: true }")
                .ensemble("many", "-1", "", step("streams", "INPUT0", "x"), step("streams", "x", "OUTPUT0"));
        files.model("sequences", "4",
                "max_batch_size: 8 sequence_batching { max_sequence_idle_microseconds: 60000000 }")
                .ensemble("talk", "4", "max_batch_size: 1", step("sequences", "INPUT0", "OUTPUT0"));
        files.model("queued", "4", """
                max_batch_size: 1
                dynamic_batching {
                  priority_levels: 2 default_priority_level: 2
                  default_queue_policy { default_timeout_microseconds: 60000000 allow_timeout_override: true
                                         max_queue_size: 2 }
                }
                """).ensemble("waits", "4", "max_batch_size: 1", step("first", "INPUT0", "x"),
                step("queued", "x", "OUTPUT0"));
        files.write("shaped", """
                backend: "echo" max_batch_size: 8
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 2, 2 ] } }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] reshape { shape: [ 2, 2 ] } }]
                """).write("reshaping", """
                platform: "ensemble" max_batch_size: 8
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 1, 4 ] reshape { shape: [ 4 ] } }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4, 1 ] reshape { shape: [ 4 ] } }]
                """ + scheduling("", step("shaped", "INPUT0", "OUTPUT0")));
        files.model("flat", "4", "").ensemble("mixed", "4", "max_batch_size: 8", step("flat", "INPUT0", "x"),
                step("first", "x", "OUTPUT0"));
        files.write("choice", """
                backend: "echo" max_batch_size: 8
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] },
                       { name: "INPUT1" data_type: TYPE_FP32 dims: [ 4 ] optional: true }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] },
                        { name: "OUTPUT1" data_type: TYPE_FP32 dims: [ 4 ] }]
                """).write("may", """
                platform: "ensemble" max_batch_size: 8
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] },
                       { name: "INPUT1" data_type: TYPE_FP32 dims: [ 4 ] optional: true }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] },
                        { name: "OUTPUT1" data_type: TYPE_FP32 dims: [ 4 ] }]
                """ + scheduling("", """
                step { model_name: "choice" model_version: -1
                       input_map { key: "INPUT0" value: "INPUT0" } input_map { key: "INPUT1" value: "INPUT1" }
                       output_map { key: "OUTPUT0" value: "x" } output_map { key: "OUTPUT1" value: "y" } }
                step { model_name: "choice" model_version: -1
                       input_map { key: "INPUT0" value: "x" } input_map { key: "INPUT1" value: "y" }
                       output_map { key: "OUTPUT0" value: "OUTPUT0" } output_map { key: "OUTPUT1" value: "OUTPUT1" } }
                """));
        files.write("ragged", """
                backend: "echo" max_batch_size: 8 instance_group [{ count: 1 kind: KIND_CPU }]
                dynamic_batching { }
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] }]
                """).ensemble("uneven", "-1", "max_batch_size: 8", step("ragged", "INPUT0", "OUTPUT0"));
        trace = directory.resolve("trace.json");
        files.ensemble("five", "-1", "", step("single", "INPUT0", "a"), step("single", "a", "b"),
                step("single", "b", "c"),
                step("single", "c", "d"), step("single", "d", "OUTPUT0"));
        server = TestServer.start(directory, "--trace-config=triton,file=" + trace,
                "--trace-config=rate=1", "--trace-config=level=OFF");
    }

    @AfterEach
    void stop() {
        assertEquals(0, server.bytesHeld());
        server.close();
    }

    private static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, "did not happen in time: " + what);
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static String body(String id, String parameters, String shape, int values) {
        String data = IntStream.rangeClosed(1, values).mapToObj(Integer::toString).collect(Collectors.joining(","));
        return "{\"id\":\"%s\",\"parameters\":{%s},\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[%s],\"datatype\":\"FP32\","
                .formatted(id, parameters, shape) + "\"data\":[%s]}]}".formatted(data);
    }

    private Answer infer(String model, String parameters, String shape, int values) {
        return server.post("/v2/models/" + model + "/infer", body("r", parameters, shape, values));
    }

    private static String answer(String model, String parameters, String shape, String data) {
        return ("{\"id\":\"r\",\"model_name\":\"%s\",\"model_version\":\"1\",\"parameters\":{%s},\"outputs\":[{"
                + "\"name\":\"OUTPUT0\",\"datatype\":\"FP32\",\"shape\":[%s],\"data\":[%s]}]}")
                .formatted(model, parameters, shape, data);
    }

    private static String row(String model) {
        return answer(model, NO_SEQUENCE, "1,4", "1.0,2.0,3.0,4.0");
    }

    private double metric(String family, String model) {
        return server.metric(family, "model=\"" + model + "\"").orElse(-1.0);
    }

    private double failures(String model, String reason) {
        return server.metric("nv_inference_request_failure", "model=\"" + model + "\",reason=\"" + reason + "\"")
                .orElse(-1.0);
    }

    /** Sends a request to a model and leaves it in an execution. */
    private RawClient held(String model, String shape, int values) throws InterruptedException {
        RawClient client = server.connect();
        client.write(RawClient.request("POST", "/v2/models/" + model + "/infer",
                body("held", "\"hold\":true", shape, values)));
        server.backend().awaitHeld();
        return client;
    }

    @Test
    void answersWithWhatTheLastStepMakesAndCountsEveryModel() {
        Answer answer = infer("chain", "", "2,4", 8);

        assertEquals(answer("chain", NO_SEQUENCE, "2,4", "1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0"), answer.body());
        for (String model : new String[]{"chain", "first", "second"}) {
            assertEquals(2, metric("nv_inference_count", model), model);
            assertEquals(1, metric("nv_inference_exec_count", model), model);
            assertEquals(1, metric("nv_inference_request_success", model), model);
        }
        assertEquals(metric("nv_inference_compute_infer_duration_us", "first")
                + metric("nv_inference_compute_infer_duration_us", "second"),
                metric("nv_inference_compute_infer_duration_us", "chain"), 2);
    }

    @Test
    void aFailedStepKeepsItsStatusAndIsCountedForItsModelToo() {
        Answer answer = infer("around", "\"fail\":\"no more\"", "1,4", 4);

        assertEquals(503, answer.status());
        assertEquals("{\"error\":\"in ensemble 'around', in ensemble 'chain', no more\"}", answer.body());
        assertEquals(1, failures("around", "OTHER"));
        assertEquals(1, failures("chain", "OTHER"));
        assertEquals(1, failures("first", "BACKEND"));
        assertEquals(0, metric("nv_inference_count", "second"));
    }

    @Test
    void aStepThatCannotBeAskedNamesItsModel() {
        Answer answer = infer("odd", "", "2,3", 6);

        assertEquals(400, answer.status());
        String start = "{\"error\":\"in ensemble 'odd', [request id: r] unexpected shape for input 'INPUT0' for model "
                + "'second'. Expected [-1,4], got [2,3]. ";
        assertEquals(start, answer.body().substring(0, start.length()));
    }

    @Test
    void shapesAreThoseThatEachModelExpects() {
        assertEquals(answer("reshaping", NO_SEQUENCE, "2,4,1", "1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0"),
                infer("reshaping", "", "2,1,4", 8).body());
        assertEquals(row("mixed"), infer("mixed", "", "1,4", 4).body());
        assertEquals("{\"error\":\"in ensemble 'mixed', [request id: r] unexpected shape for input 'INPUT0' for model "
                + "'flat'. Expected [4], got [2,4]. \"}", infer("mixed", "", "2,4", 8).body());
    }

    @Test
    void anOptionalInputIsLeftOutOfAllSteps() {
        assertEquals(row("may"), infer("may", "", "1,4", 4).body());
        String both = server.post("/v2/models/may/infer", """
                {"inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]},
                           {"name":"INPUT1","shape":[1,4],"datatype":"FP32","data":[5,6,7,8]}]}""").body();
        assertTrue(both.contains("\"OUTPUT1\",\"datatype\":\"FP32\",\"shape\":[1,4],\"data\":[5.0,6.0,7.0,8.0]"), both);
    }

    @Test
    void raggedRowsOfSeveralRequestsShareAnExecution() throws InterruptedException {
        try (RawClient running = held("uneven", "1,2", 2);
                RawClient second = server.connect();
                RawClient third = server.connect()) {
            second.write(RawClient.request("POST", "/v2/models/uneven/infer", body("a", "", "1,3", 3)));
            third.write(RawClient.request("POST", "/v2/models/uneven/infer", body("b", "", "1,5", 5)));
            await("both wait", () -> metric("nv_inference_pending_request_count", "ragged") == 2);
            server.backend().release();

            assertEquals(200, running.read().status());
            assertTrue(second.read().body().contains("\"shape\":[1,3],\"data\":[1.0,2.0,3.0]"));
            assertTrue(third.read().body().contains("\"shape\":[1,5],\"data\":[1.0,2.0,3.0,4.0,5.0]"));
        }
        assertEquals(2, server.backend().batches().getLast().size());
    }

    @Test
    void aSequenceReachesItsModelAndComesBackWithTheAnswer() {
        assertEquals(
                "{\"error\":\"in ensemble 'talk', inference request for sequence 9 to model 'sequences' must specify "
                        + "the START flag on the first request of the sequence\"}",
                infer("talk", "\"sequence_id\":9", "1,4", 4).body());
        assertEquals(answer("talk", "\"sequence_id\":9,\"sequence_start\":true,\"sequence_end\":false", "1,4",
                "1.0,2.0,3.0,4.0"),
                infer("talk", "\"sequence_id\":9,\"sequence_start\":true", "1,4", 4).body());
        assertEquals(answer("talk", "\"sequence_id\":9,\"sequence_start\":false,\"sequence_end\":true", "1,4",
                "1.0,2.0,3.0,4.0"),
                infer("talk", "\"sequence_id\":9,\"sequence_end\":true", "1,4", 4).body());
        assertEquals(2, metric("nv_inference_request_success", "sequences"));
    }

    @Test
    void everyResponseOfADecoupledModelBecomesAnAnswer() {
        String path = "/v2/models/many/generate_stream";

        // Three responses, each of which has the second step answer three times.
        assertEquals(EVENT.repeat(9), server.post(path, "{\"INPUT0\":[1],\"answers\":3}").body());
        assertEquals("", server.post(path, "{\"INPUT0\":[1],\"answers\":0}").body());
        String broken = server.post(path, "{\"INPUT0\":[1],\"answers\":1,\"broken\":true}").body();
        assertTrue(broken.endsWith("data: {\"error\":\"in ensemble 'many', broken\"}\n\n"), broken);
        assertEquals(1, broken.split("error", -1).length - 1);
        Answer one = infer("many", "\"answers\":1", "1", 1);
        assertEquals(501, one.status());
        assertEquals("{\"error\":\"HTTP end point doesn't support models with decoupled transaction policy\"}",
                one.body());
        await("all is counted", () -> metric("nv_inference_request_success", "many") == 2);
    }

    @Test
    void memoryInUseIsThatOfAnInputAndAnOutputHoweverManyStepsThereAre() {
        int bytes = 16 << 20;
        String json = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[%d],\"datatype\":\"FP32\",\"parameters\":"
                .formatted(bytes / 4)
                + "{\"binary_data_size\":%d}}],\"parameters\":{\"binary_data_output\":true}}"
                        .formatted(bytes);
        byte[] head = ("POST /v2/models/five/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                + (json.length() + bytes) + "\r\nInference-Header-Content-Length: " + json.length() + "\r\n\r\n" + json)
                .getBytes(StandardCharsets.ISO_8859_1);
        AtomicLong most = new AtomicLong();
        server.backend()
                .afterEachExecution(
                        () -> most.accumulateAndGet(server.server().engine().buffers().inUseBytes(), Math::max));

        try (RawClient client = server.connect()) {
            Answer answer = client.write(head).write(new byte[bytes]).read();

            assertEquals(200, answer.status());
        }
        assertTrue(most.get() >= 2L * bytes && most.get() < 1.1 * 2 * bytes, "most bytes in use: " + most);
        assertEquals(5, server.backend().batches().size());
    }

    @Test
    void theTimeoutHoldsInTheQueueOfEachModel() throws InterruptedException {
        try (RawClient running = held("queued", "1,4", 4)) {
            Answer answer = infer("waits", "\"timeout\":1000", "1,4", 4);

            assertEquals("{\"error\":\"in ensemble 'waits', Request timeout expired\"}", answer.body());
            assertEquals(503, answer.status());
            assertEquals(1, failures("queued", "REJECTED"));
            assertEquals(1, failures("waits", "OTHER"));
            server.backend().release();
            assertEquals(200, running.read().status());
        }
    }

    @Test
    void theQueueOfAModelTakesWhatIsMoreUrgentFirstAndNoMoreThanItMay() throws InterruptedException {
        try (RawClient running = held("queued", "1,4", 4);
                RawClient low = server.connect();
                RawClient high = server.connect()) {
            low.write(RawClient.request("POST", "/v2/models/waits/infer", body("low", "\"priority\":2", "1,4", 4)));
            await("one waits", () -> metric("nv_inference_pending_request_count", "queued") == 1);
            high.write(RawClient.request("POST", "/v2/models/waits/infer", body("high", "\"priority\":1", "1,4", 4)));
            await("two wait", () -> metric("nv_inference_pending_request_count", "queued") == 2);
            server.backend().release();

            assertEquals(200, low.read().status());
            assertEquals(200, high.read().status());
            assertEquals(200, running.read().status());
        }
        assertEquals("[[high], [low]]", server.backend().batches().subList(3, 5).toString());
    }

    @Test
    void theClientThatGoesTakesAllStepsWithIt() throws InterruptedException {
        try (RawClient client = held("around", "1,4", 4)) {
            client.reset();
        }

        await("the request has ended", () -> failures("around", "OTHER") == 1);
        assertEquals(1, failures("chain", "OTHER"));
        assertEquals(0, metric("nv_inference_count", "second"));
        assertEquals(row("around"), infer("around", "", "1,4", 4).body());
    }

    private static boolean isWritten(Path trace) {
        try {
            return Files.exists(trace) && Files.readString(trace).strip().endsWith("]");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the lines of a trace, without times. */
    private static String readable(String trace) {
        return trace.replaceAll("\"ns\":\\d+", "").replaceAll("[\\[\\]{}\"]", "").replace("timestamps:name:", "")
                .replace(",id:", "\nid:").replace(",\n", "\n").replaceAll("(?m),$", "");
    }

    @Test
    void theTraceOfARequestHasThoseOfItsSteps() throws IOException {
        assertEquals(200, server.post("/v2/trace/setting", "{\"trace_level\":[\"TIMESTAMPS\"]}").status());

        assertEquals(200, infer("around", "", "1,4", 4).status());

        await("the trace is written", () -> isWritten(trace));
        assertEquals("""
                id:1,HTTP_RECV_START
                id:1,HTTP_RECV_END
                id:1,model_name:around,model_version:1,request_id:r
                id:1,REQUEST_START
                id:1,QUEUE_START
                id:1,INFER_RESPONSE_COMPLETE
                id:1,REQUEST_END
                id:1,HTTP_SEND_START
                id:1,HTTP_SEND_END
                id:2,model_name:chain,model_version:1,request_id:r,parent_id:1
                id:2,REQUEST_START
                id:2,QUEUE_START
                id:2,REQUEST_END
                id:3,model_name:first,model_version:1,request_id:r,parent_id:2
                id:3,REQUEST_START
                id:3,QUEUE_START
                id:3,COMPUTE_START
                id:3,COMPUTE_INPUT_END
                id:3,COMPUTE_OUTPUT_START
                id:3,COMPUTE_END
                id:3,REQUEST_END
                id:4,model_name:second,model_version:1,request_id:r,parent_id:2
                id:4,REQUEST_START
                id:4,QUEUE_START
                id:4,COMPUTE_START
                id:4,COMPUTE_INPUT_END
                id:4,COMPUTE_OUTPUT_START
                id:4,COMPUTE_END
                id:4,REQUEST_END
                id:5,model_name:second,model_version:1,request_id:r,parent_id:1
                id:5,REQUEST_START
                id:5,QUEUE_START
                id:5,COMPUTE_START
                id:5,COMPUTE_INPUT_END
                id:5,COMPUTE_OUTPUT_START
                id:5,COMPUTE_END
                id:5,REQUEST_END""", readable(Files.readString(trace)));
    }
}
