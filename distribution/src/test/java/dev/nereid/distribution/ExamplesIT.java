package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.samples.SampleRepository;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example backends and their sample models in a running server; one of them calls the real UNet. */
class ExamplesIT {
    private static final Path SAMPLES = Path.of("..", "repository", "samples");
    private static final Path BACKENDS = Path.of("..", "backends").toAbsolutePath().normalize();
    private static final String LENGTH = "Inference-Header-Content-Length";
    private static final int CLIENTS = 6;

    @TempDir
    private Path directory;
    private Path models;
    private RunningServer server;

    @BeforeEach
    void startAServerWithTheExamples() throws Exception {
        models = Files.createDirectory(directory.resolve("models"));
        SampleRepository.write(models, EnumSet.of(SampleRepository.Model.UNET));
        append("unet", "dynamic_batching { default_queue_policy { max_queue_size: 1 } }");
        copy("text_tagger");
        copy("image_unet");
        append("image_unet", "instance_group [ { kind: KIND_CPU count: " + CLIENTS + " } ]");
        write("image_tensor", """
                backend: "image-preprocess"
                input [ { name: "IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
                output [ { name: "TENSOR" data_type: TYPE_FP32 dims: [ 3, 360, 640 ] } ]
                """);
        write("image_loop", """
                backend: "image-preprocess"
                input [ { name: "IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
                output [ { name: "TENSOR" data_type: TYPE_FP32 dims: [ 3, 1, 1 ] } ]
                parameters [
                  { key: "size" value { string_value: "1x1" } },
                  { key: "call_model" value { string_value: "image_loop" } }
                ]
                """);
        Path backends = Files.createDirectory(directory.resolve("backends"));
        for (String module : List.of("pytorch", "examples/text-tagger", "examples/image-preprocess")) {
            Path name = Path.of(module).getFileName();
            Files.createSymbolicLink(backends.resolve(name),
                    BACKENDS.resolve(module).resolve("target/plugin").resolve(name));
        }
        server = RunningServer.start(models, "--backend-directory=" + backends);
    }

    @AfterEach
    void stopTheServer() {
        server.close();
    }

    @Test
    void tagsTexts() throws Exception {
        HttpResponse<String> response = server.post("/v2/models/text_tagger/infer", """
                {"inputs":[{"name":"TEXT","shape":[1,1],"datatype":"BYTES","data":["mail to a@b.example"]}],
                 "outputs":[{"name":"MASKED"}]}""");

        assertEquals(200, response.statusCode(), response::body);
        assertTrue(response.body().contains("\"data\":[\"mail to <email>\"]"), response.body());
    }

    @Test
    void sendsAPictureThroughTheUnet() throws Exception {
        byte[] tensor = output(send("image_tensor", "[1]", "TENSOR", picture()));
        byte[] direct = output(server.postBinary("/v2/models/unet/infer", """
                {"inputs":[{"name":"INPUT__0","shape":[1,3,360,640],"datatype":"FP32",\
                "parameters":{"binary_data_size":%d}}],\
                "outputs":[{"name":"OUTPUT__0","parameters":{"binary_data":true}}]}""".formatted(tensor.length),
                tensor));

        assertArrayEquals(direct, output(send("image_unet", "[1,1]", "OUTPUT__0", picture())));
    }

    /** Six instances call one UNet, before which one request may wait: some clients are told to come back later. */
    @Test
    void passesAFullQueueOnToClients() throws Exception {
        byte[] picture = picture();
        List<CompletableFuture<HttpResponse<byte[]>>> answers = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            answers.add(server.client().sendAsync(request("image_unet", "[1,1]", "OUTPUT__0", picture),
                    BodyHandlers.ofByteArray()));
        }
        List<Integer> statuses = new ArrayList<>();
        for (CompletableFuture<HttpResponse<byte[]>> answer : answers) {
            HttpResponse<byte[]> response = answer.get();
            statuses.add(response.statusCode());
            if (response.statusCode() != 200) {
                assertEquals("{\"error\":\"[request id: <id_unknown>] Exceeds maximum queue size\"}",
                        new String(response.body(), StandardCharsets.UTF_8));
            }
        }

        assertTrue(statuses.contains(200) && statuses.contains(503), statuses::toString);
        assertEquals(200, send("image_unet", "[1,1]", "OUTPUT__0", picture).statusCode());
    }

    @Test
    void refusesToWaitForItself() throws Exception {
        HttpResponse<byte[]> response = send("image_loop", "[1]", "TENSOR", picture());

        assertEquals(501, response.statusCode());
        assertEquals("{\"error\":\"model 'image_loop' can't call model 'image_loop': they would wait for each other "
                + "(image_loop -> image_loop)\"}", new String(response.body(), StandardCharsets.UTF_8));
    }

    private HttpResponse<byte[]> send(String model, String shape, String output, byte[] picture) throws Exception {
        return server.client().send(request(model, shape, output, picture), BodyHandlers.ofByteArray());
    }

    private HttpRequest request(String model, String shape, String output, byte[] picture) {
        byte[] element = ByteBuffer.allocate(Integer.BYTES + picture.length).order(ByteOrder.LITTLE_ENDIAN)
                .putInt(picture.length).put(picture).array();
        String json = """
                {"inputs":[{"name":"IMAGE","shape":%s,"datatype":"BYTES","parameters":{"binary_data_size":%d}}],\
                "outputs":[{"name":"%s","parameters":{"binary_data":true}}]}""".formatted(shape, element.length,
                output);
        byte[] head = json.getBytes(StandardCharsets.UTF_8);
        return HttpRequest.newBuilder(server.uri("/v2/models/" + model + "/infer"))
                .header(LENGTH, Integer.toString(head.length))
                .POST(BodyPublishers.concat(BodyPublishers.ofByteArray(head), BodyPublishers.ofByteArray(element)))
                .build();
    }

    /** Returns the binary output of a response, which must be a success. */
    private static byte[] output(HttpResponse<byte[]> response) {
        byte[] body = response.body();
        assertEquals(200, response.statusCode(), () -> new String(body, StandardCharsets.UTF_8));
        int head = Integer.parseInt(response.headers().firstValue(LENGTH).orElseThrow());
        assertEquals(3 * 360 * 640 * Float.BYTES, body.length - head);
        return Arrays.copyOfRange(body, head, body.length);
    }

    private static byte[] picture() throws IOException {
        BufferedImage picture = new BufferedImage(64, 36, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                picture.setRGB(x, y, ((4 * x) << 16) | ((7 * y) << 8) | (2 * (x + y)));
            }
        }
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        assertTrue(ImageIO.write(picture, "png", file));
        return file.toByteArray();
    }

    private void copy(String sample) throws IOException {
        write(sample, Files.readString(SAMPLES.resolve(sample).resolve("config.pbtxt")));
        Path patterns = SAMPLES.resolve(sample).resolve("1/patterns.txt");
        if (Files.exists(patterns)) {
            Files.copy(patterns, models.resolve(sample).resolve("1/patterns.txt"));
        }
    }

    private void write(String model, String config) throws IOException {
        Files.createDirectories(models.resolve(model).resolve("1"));
        Files.writeString(models.resolve(model).resolve("config.pbtxt"), config);
    }

    private void append(String model, String more) throws IOException {
        Files.writeString(models.resolve(model).resolve("config.pbtxt"), more + "\n", StandardOpenOption.APPEND);
    }
}
