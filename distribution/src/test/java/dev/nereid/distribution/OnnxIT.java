package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.onnxruntime.OnnxGraph;
import dev.nereid.tools.samples.SampleRepository;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ONNX models over HTTP, with the real library. */
class OnnxIT {
    @TempDir
    Path repository;

    @Test
    void servesModelsWithoutConfiguration() throws Exception {
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.CLASSIFIER_ONNX));
        addSub("add_sub", "");
        write("texts", "", new OnnxGraph("texts").input("X", DataType.BYTES, -1, -1).output("Y", DataType.BYTES, -1, -1)
                .node("Identity", List.of("X"), List.of("Y")));
        write("optional", """
                platform: "onnxruntime_onnx"
                input [ { name: "A" data_type: TYPE_FP32 dims: [ -1 ] },
                        { name: "B" data_type: TYPE_FP32 dims: [ 1 ] optional: true } ]
                output [ { name: "SUM" data_type: TYPE_FP32 dims: [ -1 ] } ]
                """,
                new OnnxGraph("optional").input("A", DataType.FP32, -1).input("B", DataType.FP32, 1)
                        .output("SUM", DataType.FP32, -1).constant("B", new long[]{1}, 10f)
                        .node("Add", List.of("A", "B"), List.of("SUM")));

        try (RunningServer server = RunningServer.start(repository)) {
            // what the model tells
            String config = server.get("/v2/models/add_sub/config").body();
            assertTrue(config.contains("\"platform\":\"onnxruntime_onnx\",\"backend\":\"onnxruntime\""), config);
            assertTrue(config.contains("\"max_batch_size\":4,"), config);
            assertTrue(config.contains("\"dynamic_batching\":{\"preferred_batch_size\":[4]"), config);
            assertTrue(config.contains("\"default_model_filename\":\"model.onnx\""), config);
            assertTrue(config.contains("\"kind\":\"KIND_CPU\",\"count\":2"), config);
            String metadata = server.get("/v2/models/add_sub").body();
            assertTrue(metadata.contains("{\"name\":\"A\",\"datatype\":\"FP32\",\"shape\":[-1,-1]}"), metadata);

            // batches, shapes of any size
            assertAnswer(server, "add_sub", """
                    {"inputs":[{"name":"A","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]},
                      {"name":"B","shape":[2,2],"datatype":"FP32","data":[1,1,1,1]}],"outputs":[{"name":"SUM"}]}""",
                    "\"shape\":[2,2],\"data\":[2.0,3.0,4.0,5.0]");
            assertAnswer(server, "add_sub", """
                    {"inputs":[{"name":"A","shape":[1,3],"datatype":"FP32","data":[1,2,3]},
                      {"name":"B","shape":[1,3],"datatype":"FP32","data":[1,1,1]}]}""",
                    "\"name\":\"DIFFERENCE\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[0.0,1.0,2.0]");

            // texts
            assertAnswer(server, "texts",
                    "{\"inputs\":[{\"name\":\"X\",\"shape\":[1,2],\"datatype\":\"BYTES\",\"data\":[\"größer\",\"\"]}]}",
                    "\"data\":[\"größer\",\"\"]");

            // an input that may be missing
            assertAnswer(server, "optional",
                    "{\"inputs\":[{\"name\":\"A\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1,2]}]}",
                    "\"data\":[11.0,12.0]");
            assertAnswer(server, "optional", """
                    {"inputs":[{"name":"A","shape":[2],"datatype":"FP32","data":[1,2]},
                      {"name":"B","shape":[1],"datatype":"FP32","data":[5]}]}""", "\"data\":[6.0,7.0]");

            // the sample
            String row = String.join(",", Arrays.stream(new int[64]).mapToObj(Integer::toString).toList());
            assertAnswer(server, "classifier_onnx", "{\"inputs\":[{\"name\":\"FEATURES\",\"shape\":[1,64],\"datatype\":"
                    + "\"FP32\",\"data\":[" + row + "]}]}",
                    "\"name\":\"PROBABILITIES\",\"datatype\":\"FP32\",\"shape\":"
                            + "[1,10]");

            // clients' mistakes
            assertRefused(server, 400, "inference input 'A' data-type is 'INT32', but model 'add_sub' expects 'FP32'",
                    """
                            {"inputs":[{"name":"A","shape":[1,1],"datatype":"INT32","data":[1]},
                              {"name":"B","shape":[1,1],"datatype":"FP32","data":[1]}]}""");
            assertRefused(server, 400, "unexpected shape for input 'A'", """
                    {"inputs":[{"name":"A","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,4]},
                      {"name":"B","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}""");
            assertRefused(server, 500, "Attempting to broadcast an axis by a dimension other than 1. 2 by 3", """
                    {"inputs":[{"name":"A","shape":[1,2],"datatype":"FP32","data":[1,2]},
                      {"name":"B","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}""");
        }
    }

    @Test
    void tellsWhyAModelIsNotServed() throws Exception {
        addSub("damaged", "");
        Path file = repository.resolve("damaged/1/model.onnx");
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 20));
        addSub("mismatch", """
                backend: "onnxruntime"
                input [ { name: "A" data_type: TYPE_FP32 dims: [ -1, -1 ] },
                        { name: "C" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]
                output [ { name: "SUM" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]
                """);
        addSub("good", "");

        try (RunningServer server = RunningServer.start(repository, "--model-control-mode=explicit")) {
            assertLoadFails(server, "damaged", "the file is truncated or damaged");
            assertLoadFails(server, "mismatch", "unexpected inference input 'C', allowed inputs are: A, B");
            assertEquals(200, server.post("/v2/repository/models/good/load", "{}").statusCode(), server::log);
            assertTrue(server.process().isAlive());
        }
    }

    private void assertLoadFails(RunningServer server, String model, String reason) throws Exception {
        HttpResponse<String> response = server.post("/v2/repository/models/" + model + "/load", "{}");
        assertEquals(400, response.statusCode());
        assertTrue(response.body().contains(reason), response.body());
        assertFalse(response.body().contains(repository.toString()), response.body());
    }

    private static void assertAnswer(RunningServer server, String model, String request, String expected)
            throws Exception {
        HttpResponse<String> response = server.post("/v2/models/" + model + "/infer", request);
        assertEquals(200, response.statusCode(), response::body);
        assertTrue(response.body().contains(expected), response.body());
    }

    private static void assertRefused(RunningServer server, int status, String expected, String request)
            throws Exception {
        HttpResponse<String> response = server.post("/v2/models/add_sub/infer", request);
        assertEquals(status, response.statusCode(), response::body);
        assertTrue(response.body().contains(expected), response.body());
        assertFalse(response.body().contains("::"), response.body());
    }

    private void addSub(String model, String config) throws IOException {
        write(model, config, new OnnxGraph("add_sub").input("A", DataType.FP32, -1, -1)
                .input("B", DataType.FP32, -1, -1).output("SUM", DataType.FP32, -1, -1)
                .output("DIFFERENCE", DataType.FP32, -1, -1).node("Add", List.of("A", "B"), List.of("SUM"))
                .node("Sub", List.of("A", "B"), List.of("DIFFERENCE")));
    }

    private void write(String model, String config, OnnxGraph graph) throws IOException {
        Path version = Files.createDirectories(repository.resolve(model).resolve("1"));
        graph.write(version.resolve("model.onnx"));
        if (!config.isEmpty()) {
            Files.writeString(repository.resolve(model).resolve("config.pbtxt"), config, StandardCharsets.UTF_8);
        }
    }
}
