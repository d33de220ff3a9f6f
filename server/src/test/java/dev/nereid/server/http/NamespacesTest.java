package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Models of one name in two repositories. */
@Timeout(60)
class NamespacesTest {
    private static final String AMBIGUOUS = "{\"error\":\"There are 2 identifiers of model 'single' in global map, model "
            + "namespace must be provided to resolve ambiguity.\"}";
    private static final String BODY = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[3],\"datatype\":\"FP32\","
            + "\"data\":[1,2,3]}]}";

    @TempDir
    private Path directory;
    private Path second;

    @BeforeEach
    void writeSecondRepository() throws IOException {
        second = Files.createDirectories(directory.resolve("second"));
        TestServer.writeModel(second, "single", "instance_group [{ count: 1 kind: KIND_CPU }]", "TYPE_FP32", "3");
        TestServer.writeModel(second, "other", "instance_group [{ count: 1 kind: KIND_CPU }]", "TYPE_FP32", "3");
        writeEnsemble("e", "single", "3");
    }

    private void writeEnsemble(String name, String model, String dims) throws IOException {
        Files.createDirectories(second.resolve(name).resolve("1"));
        Files.writeString(second.resolve(name).resolve("config.pbtxt"), """
                platform: "ensemble"
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ %s ] }]
                output [{ name: "OUT" data_type: TYPE_FP32 dims: [ %s ] }]
                ensemble_scheduling { step [{ model_name: "%s" model_version: -1
                  input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "OUT" } }] }
                """.formatted(dims, dims, model));
    }

    private TestServer start(String... more) {
        String[] flags = new String[more.length + 2];
        flags[0] = "--model-namespacing=true";
        flags[1] = "--model-repository=" + second;
        System.arraycopy(more, 0, flags, 2, more.length);
        return TestServer.start(directory, flags);
    }

    @Test
    void aNameThatSeveralHaveIsAmbiguousForClientsButNotForTheEnsembleBesideOne() {
        try (TestServer server = start()) {
            assertEquals(AMBIGUOUS, server.post("/v2/models/single/infer", BODY).body());
            assertEquals(400, server.get("/v2/models/single").status());
            assertEquals(400, server.get("/v2/models/single/ready").status());
            assertEquals("{\"error\":\"requested model 'single' is not available\"}",
                    server.get("/v2/models/single/stats").body());
            assertEquals(200, server.post("/v2/models/other/infer", BODY).status());
            assertEquals(200, server.post("/v2/models/text/infer",
                    "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,1],\"datatype\":\"BYTES\",\"data\":[\"x\"]}]}")
                    .status());
            RawClient.Answer unknown = server.get("/v2/models/nothing");
            assertEquals(400, unknown.status());
            assertEquals("{\"error\":\"Request for unknown model: 'nothing' is not found\"}", unknown.body());

            assertEquals(200, server.post("/v2/models/e/infer", BODY).status());
            String config = server.get("/v2/models/e/config").body();
            assertTrue(config.contains("\"model_namespace\":\"" + second + "\""), config);
            assertTrue(server.post("/v2/repository/index", "").body().split("\"name\":\"single\"", -1).length == 3);
            try (RawClient client = RawClient.connect(server.metricsPort())) {
                String metrics = client.send("GET", "/metrics", "").body();
                assertTrue(metrics.contains("nv_inference_count{model=\"single\",namespace=\"" + second
                        + "\",version=\"1\"} 1\n"), metrics);
                assertTrue(metrics.contains("nv_inference_count{model=\"single\",namespace=\""
                        + directory.resolve("models") + "\",version=\"1\"} 0\n"), metrics);
            }
        }
    }

    @Test
    void loadAndUnloadAreForAllModelsOfTheName() {
        try (TestServer server = start("--model-control-mode=explicit", "--load-model=single")) {
            assertEquals(AMBIGUOUS, server.post("/v2/models/single/infer", BODY).body());

            assertEquals(200, server.post("/v2/repository/models/single/unload", "{}").status());
            RawClient.Answer gone = server.post("/v2/models/single/infer", BODY);
            assertEquals(404, gone.status());
            assertEquals("{\"error\":\"Identifier of model 'single' is not found in global map\"}", gone.body());

            assertEquals(200, server.post("/v2/repository/models/single/load", "{}").status());
            assertEquals(AMBIGUOUS, server.post("/v2/models/single/infer", BODY).body());
        }
    }

    @Test
    void anEnsembleTakesTheOnlyModelOfTheNameAnywhereAndTheOneBesideItOnceThatIsThere() throws Exception {
        writeEnsemble("far", "text2", "3");
        TestServer.writeModel(Files.createDirectories(directory.resolve("models")), "text2",
                "instance_group [{ count: 1 kind: KIND_CPU }]", "TYPE_FP32", "3");
        try (TestServer server = start("--model-control-mode=explicit", "--load-model=far")) {
            assertTrue(server.get("/v2/models/far/config").body()
                    .contains("\"model_namespace\":\"" + directory.resolve("models") + "\""));

            TestServer.writeModel(second, "text2", "instance_group [{ count: 1 kind: KIND_CPU }]", "TYPE_FP32", "3");
            assertEquals(200, server.post("/v2/repository/models/text2/load", "{}").status());

            assertTrue(server.get("/v2/models/far/config").body().contains("\"model_namespace\":\"" + second + "\""),
                    () -> server.get("/v2/models/far/config").body());
            assertEquals(200, server.post("/v2/models/far/infer", BODY).status());
        }
    }
}
