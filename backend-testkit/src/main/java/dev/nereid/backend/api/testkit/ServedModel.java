package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A model in a running server, reached over HTTP as any client does. The server has to allow that models are loaded by
 * request. Any thread may call.
 */
final class ServedModel implements AutoCloseable {
    private static final String HEADER_LENGTH = "Inference-Header-Content-Length";
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final HttpClient client;
    private final URI server;
    private final String name;
    private final ModelConfig config;

    private ServedModel(HttpClient client, URI server, ModelConfig config) {
        this.client = client;
        this.server = server;
        this.name = config.name();
        this.config = config;
    }

    /**
     * Loads a model with the files of a directory.
     *
     * @throws InferenceException what the server says when it can't load the model
     */
    static ServedModel load(URI server, Path directory, ModelConfig config, String backend) {
        Map<String, Object> parameters = new LinkedHashMap<>();
        parameters.put("config", ConfigJson.write(config, backend));
        // Makes the version's directory where the model has no files.
        parameters.put("file:1/contract-test", "");
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                parameters.put("file:" + directory.relativize(file),
                        Base64.getEncoder().encodeToString(Files.readAllBytes(file)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ServedModel model = new ServedModel(HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build(),
                server, config);
        try {
            HttpResponse<byte[]> response = model.post("v2/repository/models/" + config.name() + "/load",
                    Json.write(Map.of("parameters", parameters)), new byte[0]);
            if (response.statusCode() != 200) {
                throw error(response);
            }
            return model;
        } catch (RuntimeException e) {
            model.client.close();
            throw e;
        }
    }

    /** Sends a request and returns what the client sees; decoupled models answer with events. */
    TestResult infer(TestRequest request) {
        if (config.isDecoupled()) {
            GenerateJson json = new GenerateJson(config);
            HttpResponse<byte[]> response = send("v2/models/" + name + "/generate_stream",
                    BodyPublishers.ofString(json.write(request)), OptionalInt.empty());
            return response.statusCode() == 200
                    ? json.read(new String(response.body(), StandardCharsets.UTF_8))
                    : TestResult.failed(error(response));
        }
        ByteArrayOutputStream tensors = new ByteArrayOutputStream();
        request.inputs().forEach(input -> tensors.writeBytes(input.bytes()));
        HttpResponse<byte[]> response = post("v2/models/" + name + "/infer", json(request), tensors.toByteArray());
        return response.statusCode() == 200 ? result(response) : TestResult.failed(error(response));
    }

    private static String json(TestRequest request) {
        Map<String, Object> parameters = new LinkedHashMap<>();
        request.parameters().forEach((key, value) -> parameters.put(key, GenerateJson.plain(value)));
        parameters.put("binary_data_output", true);
        Map<String, Object> json = new LinkedHashMap<>();
        if (!request.id().isEmpty()) {
            json.put("id", request.id());
        }
        json.put("parameters", parameters);
        json.put("inputs", request.inputs().stream()
                .map(input -> Map.of("name", input.name(), "datatype", input.dataType().name(), "shape",
                        Arrays.stream(input.shape().toArray()).boxed().toList(), "parameters",
                        Map.of("binary_data_size", input.byteSize())))
                .toList());
        if (!request.requestedOutputs().isEmpty()) {
            json.put("outputs", request.requestedOutputs().stream()
                    .map(output -> Map.of("name", output, "parameters", Map.of("binary_data", true))).toList());
        }
        return Json.write(json);
    }

    private static TestResult result(HttpResponse<byte[]> response) {
        byte[] body = response.body();
        int length = (int) response.headers().firstValueAsLong(HEADER_LENGTH).orElse(body.length);
        int at = length;
        List<TestTensor> outputs = new ArrayList<>();
        Map<String, @Nullable Object> json = Json.readObject(new String(body, 0, length, StandardCharsets.UTF_8));
        for (Map<String, @Nullable Object> output : Json.objects(json.get("outputs"))) {
            int size = parameter(output, "binary_data_size");
            DataType type = DataType.parse(text(output, "datatype")).orElseThrow();
            long[] shape = ((List<?>) Objects.requireNonNull(output.get("shape"))).stream()
                    .mapToLong(dimension -> ((Double) dimension).longValue()).toArray();
            outputs.add(TestTensor.of(text(output, "name"), type, Shape.of(shape),
                    Arrays.copyOfRange(body, at, at + size)));
            at += size;
        }
        return TestResult.of(outputs.toArray(TestTensor[]::new));
    }

    private static String text(Map<String, @Nullable Object> json, String member) {
        return String.valueOf(json.get(member));
    }

    private static int parameter(Map<String, @Nullable Object> output, String name) {
        Object value = ((Map<?, ?>) Objects.requireNonNull(output.get("parameters"))).get(name);
        return ((Double) Objects.requireNonNull(value)).intValue();
    }

    /** Returns an error with the code that is nearest to the status. */
    private static InferenceException error(HttpResponse<byte[]> response) {
        String body = new String(response.body(), StandardCharsets.UTF_8);
        String message = body.startsWith("{") ? text(Json.readObject(body), "error") : body;
        StatusCode code = switch (response.statusCode()) {
            case 400, 413, 415 -> StatusCode.INVALID_ARG;
            case 404 -> StatusCode.NOT_FOUND;
            case 501 -> StatusCode.UNSUPPORTED;
            case 503 -> StatusCode.UNAVAILABLE;
            default -> StatusCode.INTERNAL;
        };
        return new InferenceException(code, message);
    }

    private HttpResponse<byte[]> post(String path, String json, byte[] tensors) {
        byte[] head = json.getBytes(StandardCharsets.UTF_8);
        return send(path, BodyPublishers.concat(BodyPublishers.ofByteArray(head), BodyPublishers.ofByteArray(tensors)),
                OptionalInt.of(head.length));
    }

    private HttpResponse<byte[]> send(String path, BodyPublisher body, OptionalInt headerLength) {
        HttpRequest.Builder request = HttpRequest.newBuilder(server.resolve(path)).timeout(PATIENCE).POST(body);
        headerLength.ifPresent(length -> request.header(HEADER_LENGTH, Integer.toString(length)));
        try {
            return client.send(request.build(), BodyHandlers.ofByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException("the server at " + server + " does not answer", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    /** Unloads the model; it may be gone already. */
    void unload() {
        HttpResponse<byte[]> response = post("v2/repository/models/" + name + "/unload", "{}", new byte[0]);
        if (response.statusCode() != 200) {
            throw error(response);
        }
    }

    /** Unloads the model, if it is still there, and closes the connections. */
    @Override
    public void close() {
        try {
            unload();
        } finally {
            client.close();
        }
    }
}
