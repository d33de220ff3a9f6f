package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sequences over HTTP, with models of libtorch and ONNX Runtime whose state the server keeps. */
@Timeout(300)
class SequencesIT {
    private static final Path DOCUMENT = Path.of("..", "docs", "sequences.md");
    private static final Pattern REQUEST = Pattern
            .compile("(?m)^curl localhost:8000(/v2/models/\\w+/infer) -d '(.*)'\\s+# (.*)$");
    private static final int SEQUENCES = 20;
    private static final int STEPS = 100;
    private static final int FEATURES = 16;
    private static final int HIDDEN = 32;

    @TempDir
    private Path directory;

    private Path samples(String models) throws IOException, InterruptedException {
        Process samples = new ProcessBuilder(RunningServer.LAYOUT.resolve("nereid").toString(), "samples",
                directory.toString(), "--models=" + models).inheritIO().start();
        assertEquals(0, samples.waitFor());
        return directory;
    }

    private static String answer(RunningServer server, String model, String parameters, String input, String shape,
            float[] values) throws IOException, InterruptedException {
        HttpResponse<String> answer = server.post("/v2/models/" + model + "/infer", "{\"parameters\":{" + parameters
                + "},\"inputs\":[{\"name\":\"" + input + "\",\"shape\":" + shape + ",\"datatype\":\"FP32\",\"data\":"
                + Arrays.toString(values) + "}]}");
        assertEquals(200, answer.statusCode(), answer::body);
        return answer.body();
    }

    private static String flags(int id, boolean isStart, boolean isEnd) {
        return "\"sequence_id\":" + id + ",\"sequence_start\":" + isStart + ",\"sequence_end\":" + isEnd;
    }

    @Test
    void theDocumentsRequestsAnswerWhatItSays() throws Exception {
        Path models = samples("accumulator,accumulator_onnx,gru,gru_onnx");
        List<MatchResult> requests = REQUEST.matcher(Files.readString(DOCUMENT)).results().toList();
        assertTrue(requests.size() >= 3, () -> requests.size() + " requests");
        // One of the sequences goes on, for which the end would wait.
        try (RunningServer server = RunningServer.start(models, "--exit-timeout-secs=1")) {
            for (MatchResult request : requests) {
                HttpResponse<String> answer = server.post(request.group(1), request.group(2));
                assertTrue(answer.body().contains(request.group(3)), answer::body);
            }
        }
    }

    /** Alone, each step is computed by the same operations as in the whole; together with others, sums may round otherwise. */
    @ParameterizedTest
    @CsvSource({"gru, 1, 0", "gru, 16, 1e-5"})
    void aNetworkThatGetsItsStepsOneByOneAnswersAsIfItGotThemAtOnce(String model, int maxBatchSize, float tolerance)
            throws Exception {
        Path models = samples(model);
        Path config = models.resolve(model).resolve("config.pbtxt");
        Files.writeString(config,
                Files.readString(config).replace("max_batch_size: 16", "max_batch_size: " + maxBatchSize));
        try (RunningServer server = RunningServer.start(models);
                ExecutorService clients = Executors.newFixedThreadPool(SEQUENCES)) {
            List<Future<float[][]>> results = new ArrayList<>();
            for (int i = 1; i <= SEQUENCES; i++) {
                int id = i;
                results.add(clients.submit(() -> stepByStep(server, model, id, steps(id))));
            }
            for (int id = 1; id <= SEQUENCES; id++) {
                float[] whole = FloatRequest.output(answer(server, model, flags(1000 + id, true, true), "STEPS__0",
                        "[1," + STEPS + "," + FEATURES + "]", steps(id)), "HIDDEN__0");
                float[][] split = results.get(id - 1).get(120, TimeUnit.SECONDS);
                for (int step = 0; step < STEPS; step++) {
                    float[] expected = Arrays.copyOfRange(whole, step * HIDDEN, (step + 1) * HIDDEN);
                    if (tolerance == 0) {
                        assertArrayEquals(expected, split[step], "sequence " + id + ", step " + step);
                    } else {
                        assertArrayEquals(expected, split[step], tolerance, "sequence " + id + ", step " + step);
                    }
                }
            }
            assertTrue(server.get("/v2/models/" + model + "/stats").body().contains("\"inference_count\":"
                    + (SEQUENCES * STEPS + SEQUENCES)));
        }
    }

    private static float[] steps(int seed) {
        Random random = new Random(seed);
        float[] steps = new float[STEPS * FEATURES];
        for (int i = 0; i < steps.length; i++) {
            steps[i] = (float) random.nextGaussian();
        }
        return steps;
    }

    private static float[][] stepByStep(RunningServer server, String model, int id, float[] steps)
            throws IOException, InterruptedException {
        float[][] hidden = new float[STEPS][];
        for (int step = 0; step < STEPS; step++) {
            float[] part = Arrays.copyOfRange(steps, step * FEATURES, (step + 1) * FEATURES);
            hidden[step] = FloatRequest
                    .output(answer(server, model, flags(id, step == 0, step == STEPS - 1), "STEPS__0",
                            "[1,1," + FEATURES + "]", part), "HIDDEN__0");
        }
        return hidden;
    }

    @ParameterizedTest
    @CsvSource({"accumulator, VALUE__0, SUM__0", "accumulator_onnx, VALUE, SUM"})
    void interleavedSequencesKeepTheirSums(String model, String input, String output) throws Exception {
        Path models = samples(model);
        try (RunningServer server = RunningServer.start(models);
                ExecutorService clients = Executors.newFixedThreadPool(SEQUENCES)) {
            List<Future<?>> results = new ArrayList<>();
            for (int i = 1; i <= SEQUENCES; i++) {
                int id = i;
                results.add(clients.submit(() -> {
                    float sum = 0;
                    for (int step = 1; step <= 30; step++) {
                        sum += id * step;
                        String answer = answer(server, model, flags(id, step == 1, step == 30), input, "[1,1]",
                                new float[]{id * step});
                        assertArrayEquals(new float[]{sum}, FloatRequest.output(answer, output));
                    }
                    return sum;
                }));
            }
            for (Future<?> result : results) {
                Object ignored = result.get(120, TimeUnit.SECONDS);
            }
        }
    }

    @Test
    void aServerThatIsToldToStopLetsSequencesEnd() throws Exception {
        Path models = samples("accumulator");
        try (RunningServer server = RunningServer.start(models)) {
            String input = "VALUE__0";
            float[] one = {1};
            String started = answer(server, "accumulator", flags(1, true, false), input, "[1,1]", one);
            assertArrayEquals(one, FloatRequest.output(started, "SUM__0"));
            server.process().toHandle().destroy();
            String refused = "";
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (!refused.contains("Server is stopping") && System.nanoTime() < deadline) {
                refused = server.post("/v2/models/accumulator/infer", "{\"parameters\":{" + flags(2, true, true)
                        + "},\"inputs\":[{\"name\":\"VALUE__0\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1]}]}")
                        .body();
            }
            assertEquals("{\"error\":\"Server is stopping, scheduler for model has stopped accepting new inference"
                    + " requests\"}", refused);
            for (int sum = 2; sum <= 4; sum++) {
                String answer = answer(server, "accumulator", flags(1, false, sum == 4), input, "[1,1]", one);
                assertArrayEquals(new float[]{sum}, FloatRequest.output(answer, "SUM__0"));
            }
            assertTrue(server.process().waitFor(60, TimeUnit.SECONDS));
            assertEquals(0, server.process().exitValue(), server::log);
        }
    }
}
