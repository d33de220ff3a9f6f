package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.samples.SampleRepository;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bad requests, bad models and bad backends, sent to a real server that goes on serving all the while. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostileInputIT {
    private static final String ZEROS = "0,".repeat(15) + "0";
    private static final String GOOD = """
            {"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"FP32","data":[%s]},\
            {"name":"INPUT1","shape":[1,16],"datatype":"FP32","data":[%s]}]}""".formatted(ZEROS, ZEROS);

    @TempDir
    static Path directory;

    private Path repository;
    private RunningServer server;

    @BeforeAll
    void start() throws Exception {
        repository = directory.resolve("models");
        Path backends = directory.resolve("backends");
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.ADD_SUB));
        Recording.copyTree(RunningServer.LAYOUT.resolve("backends"), backends);
        Files.createDirectories(backends.resolve("empty"));
        Files.createDirectories(backends.resolve("broken"));
        Files.writeString(backends.resolve("broken").resolve("broken.jar"), "this is no jar");
        byte[] model = Files.readAllBytes(repository.resolve("add_sub/1/model.pt"));
        model("text", "pytorch", "hello".getBytes(StandardCharsets.UTF_8));
        model("nothing", "pytorch", new byte[0]);
        model("truncated", "pytorch", Arrays.copyOf(model, model.length / 2));
        model("no_jar", "empty", model);
        model("bad_jar", "broken", model);
        Files.writeString(Files.createDirectories(repository.resolve("typo")).resolve("config.pbtxt"),
                "backend: \"identity\"\nmax_batch_sise: 4\n");
        Files.createDirectories(repository.resolve("typo/1"));
        server = RunningServer.start(repository, "--model-control-mode=explicit", "--load-model=add_sub",
                "--backend-directory=" + backends);
    }

    private void model(String name, String backend, byte[] content) throws IOException {
        Path version = Files.createDirectories(repository.resolve(name).resolve("1"));
        Files.write(version.resolve("model.pt"), content);
        Files.writeString(repository.resolve(name).resolve("config.pbtxt"), """
                backend: "%s"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 16 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 16 ] } ]
                """.formatted(backend));
    }

    @AfterAll
    void stop() {
        server.close();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "text      | failed to load model 'text'",
        "nothing   | failed to load model 'nothing'",
        "truncated | failed to load model 'truncated'",
        "no_jar    | backend 'empty': its directory holds no jar",
        "bad_jar   | backend 'broken': broken.jar is not a readable jar",
        "typo      | line 2, column 1",
        "typo      | max_batch_size",
        "../typo   | Not Found",
        "unknown   | failed to load 'unknown', failed to poll from model repository"})
    void refusesModelsThatCannotBeLoaded(String model, String expected) throws Exception {
        HttpResponse<String> response = server.post("/v2/repository/models/" + model + "/load", "");

        assertTrue(response.statusCode() >= 400 && response.statusCode() <= 500, response::body);
        assertTrue(response.body().startsWith("{\"error\":\""), response::body);
        assertTrue(response.body().contains(expected), response::body);
        assertServes();
    }

    @Test
    void aFileThatEndsTheProcessWhichLoadsItIsAnErrorOfItsLoad() throws Exception {
        Path models = directory.resolve("checked");
        Path file = Files.createDirectories(models.resolve("deep/1")).resolve("model.pt");
        Files.copy(repository.resolve("add_sub/config.pbtxt"), models.resolve("deep/config.pbtxt"));
        DeadlyModel.write(repository.resolve("add_sub/1/model.pt"), file);
        try (RunningServer checking = RunningServer.start(models, "--model-control-mode=explicit",
                "--backend-config=pytorch,load-check=process")) {
            HttpResponse<String> response = checking.post("/v2/repository/models/deep/load", "");

            assertEquals(400, response.statusCode(), response::body);
            assertTrue(response.body().contains("the process that tried to load it first (load-check): "
                    + "model 'deep' version 1: its process ended with SIG"), response::body);
            assertEquals(200, checking.get("/v2/health/live").statusCode());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "400 | {                                            | Missing a name for object member",
        "400 | []                                           | attempt to access",
        "400 | {\"inputs\":[]}                              | expected 2 inputs but got 0 inputs",
        "400 | {\"inputs\":[{\"name\":\"X\",\"shape\":[1,16],\"datatype\":\"FP32\",\"data\":[]}]} | Failed to parse",
        "400 | {\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[-1],\"datatype\":\"FP32\",\"data\":[1]}]} | non-unsigned",
        "400 | {\"inputs\":1}                               | non-array"})
    void refusesBadRequests(int status, String body, String expected) throws Exception {
        HttpResponse<String> response = server.post("/v2/models/add_sub/infer", body);

        assertEquals(status, response.statusCode(), response::body);
        assertTrue(response.body().contains(expected), response::body);
        assertServes();
    }

    @Test
    void survivesClientsThatLeave() throws Exception {
        for (int i = 0; i < 50; i++) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.httpPort())) {
                OutputStream out = socket.getOutputStream();
                out.write("POST /v2/models/add_sub/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{\"inp"
                        .getBytes(StandardCharsets.US_ASCII));
                out.flush();
            }
        }
        assertServes();
    }

    @Test
    void deepNestingIsAClientError() throws Exception {
        String deep = "[".repeat(200_000);
        HttpResponse<String> response = server.post("/v2/models/add_sub/infer",
                GOOD.replaceFirst("\\[0,", deep + "0,"));

        assertEquals(400, response.statusCode(), response::body);
        assertServes();
    }

    private void assertServes() throws Exception {
        HttpResponse<String> response = server.post("/v2/models/add_sub/infer", GOOD);
        assertEquals(200, response.statusCode(), response::body);
    }
}
