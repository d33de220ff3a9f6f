package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.tensorrt.SampleEngines;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Engines that are built on this machine's GPU, served over HTTP, against what the CPU computes. */
@Tag("gpu")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TensorRtGpuIT {
    /** GPUs may round what they multiply to TF32. */
    private static final float TOLERANCE = 0.05f;
    private static final int CLIENTS = 8;
    private static final int REQUESTS = 100;

    private RunningServer server;

    @BeforeAll
    void start(@TempDir Path repository) throws Exception {
        ClientGpu.require();
        SampleEngines.obstacle().ifPresent(ClientGpu::skip);
        SampleEngines.identity(repository.resolve("identity"));
        SampleEngines.addition(repository.resolve("addition"), 8);
        SampleEngines.addition(repository.resolve("profiles"), 4, 32);
        SampleEngines.convolution(repository.resolve("convolution"));
        Files.writeString(repository.resolve("profiles").resolve("config.pbtxt"), """
                platform: "tensorrt_plan"
                instance_group [ { kind: KIND_GPU profile: [ "0", "1" ] } ]
                """);
        server = RunningServer.startOnGpus(repository);
    }

    @AfterAll
    void stop() {
        if (server != null) {
            server.close();
        }
    }

    private static FloatRequest addition(int rows, float begin) {
        float[] values = new float[rows * SampleEngines.COLUMNS];
        float[] ones = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = begin + i;
            ones[i] = 1;
        }
        Shape shape = Shape.of(rows, SampleEngines.COLUMNS);
        return new FloatRequest().input("INPUT0", shape, values).input("INPUT1", shape, ones);
    }

    private void checkAddition(String model, int rows, float begin) throws Exception {
        String answer = addition(rows, begin).answer(server, model);
        float[] sum = FloatRequest.output(answer, "OUTPUT0");
        float[] difference = FloatRequest.output(answer, "OUTPUT1");
        assertEquals(rows * SampleEngines.COLUMNS, sum.length);
        assertEquals(sum.length, difference.length);
        for (int i = 0; i < sum.length; i++) {
            assertEquals(begin + i + 1, sum[i]);
            assertEquals(begin + i - 1, difference[i]);
        }
    }

    @Test
    void identity() throws Exception {
        String answer = new FloatRequest().input("IN", Shape.of(1, 3), 1, -2.5f, 3).answer(server, "identity");

        assertArrayEquals(new float[]{1, -2.5f, 3}, FloatRequest.output(answer, "OUT"));
    }

    @Test
    void tellsWhatTheEngineTakes() throws Exception {
        String metadata = server.get("/v2/models/addition").body();
        String config = server.get("/v2/models/addition/config").body();

        assertTrue(metadata.contains("\"platform\":\"tensorrt_plan\""), metadata);
        assertTrue(metadata.contains("{\"name\":\"INPUT0\",\"datatype\":\"FP32\",\"shape\":[-1,16]}"), metadata);
        assertTrue(config.contains("\"max_batch_size\":8,"), config);
        assertTrue(config.contains("\"dynamic_batching\":{"), config);
        assertTrue(config.contains("\"kind\":\"KIND_GPU\""), config);
    }

    @Test
    void additionOfManyClients() throws Exception {
        List<Callable<Integer>> clients = new ArrayList<>();
        for (int client = 0; client < CLIENTS; client++) {
            float begin = 1000 * client;
            clients.add(() -> {
                for (int i = 0; i < REQUESTS; i++) {
                    checkAddition("addition", 1 + i % 4, begin + i);
                }
                return REQUESTS;
            });
        }
        try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<Integer> client : executor.invokeAll(clients)) {
                assertEquals(REQUESTS, client.get());
            }
        }
    }

    @Test
    void twoProfiles() throws Exception {
        checkAddition("profiles", 1, 0);
        checkAddition("profiles", 4, 10);
        checkAddition("profiles", 5, 20);
        checkAddition("profiles", 32, 30);

        HttpResponse<byte[]> tooLarge = addition(33, 0).send(server, "profiles");
        assertEquals(400, tooLarge.statusCode());
        assertEquals("{\"error\":\"inference request batch-size must be <= 32 for 'profiles'\"}",
                new String(tooLarge.body(), StandardCharsets.UTF_8));
    }

    @Test
    void convolution() throws Exception {
        float[] image = SampleEngines.image();

        String answer = new FloatRequest().input("IN", Shape.of(1, 3, 8, 8), image).answer(server, "convolution");

        assertArrayEquals(SampleEngines.convolved(image), FloatRequest.output(answer, "OUT"), TOLERANCE);
    }
}
