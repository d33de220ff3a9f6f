package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The examples that answer any number of times, each with its sample model, as a user would have them; square by the words of
 * the README.
 */
class StreamingIT {
    private static final Path README = Path.of("..", "README.md");
    private static final Pattern REQUEST = Pattern
            .compile("curl -N localhost:8000(/v2/models/square/generate_stream) -d '(.*)'");
    private static final Pattern NUMBER = Pattern.compile("\"(OUT|IDX|TOKEN)\":(-?[0-9]+)");
    private static final int LONG_DELAY_MILLIS = 600_000;

    @TempDir
    private static Path directory;
    private static RunningServer server;

    @BeforeAll
    static void startAServerWithTheSamples() throws Exception {
        Path models = directory.resolve("models");
        Process samples = new ProcessBuilder(RunningServer.LAYOUT.resolve("nereid").toString(), "samples",
                models.toString(), "--models=square,repeat,bigram,next_token").inheritIO().start();
        assertEquals(0, samples.waitFor());
        server = RunningServer.start(models);
    }

    @AfterAll
    static void stopTheServer() {
        server.close();
    }

    /** Returns the numbers of an output in the events of an answer. */
    private static List<Long> numbers(String output, List<String> events) {
        return events.stream().flatMap(event -> NUMBER.matcher(event).results())
                .filter(found -> found.group(1).equals(output)).map(found -> Long.parseLong(found.group(2))).toList();
    }

    private static List<String> events(String model, String body) throws Exception {
        HttpResponse<String> answer = server.post("/v2/models/" + model + "/generate_stream", body);
        assertEquals(200, answer.statusCode(), answer::body);
        return answer.body().lines().filter(line -> line.startsWith("data: ")).toList();
    }

    @Test
    void theReadmesStreamAnswersAsOftenAsItIsAsked() throws Exception {
        Matcher request = REQUEST.matcher(Files.readString(README));
        assertTrue(request.find());

        assertEquals(List.of(3L, 3L, 3L), numbers("OUT", events("square", request.group(2))));
    }

    /** The last answer is minutes away, so that what is seen was sent on its own. */
    @Test
    void eventsComeAsTheyAreMade() throws Exception {
        HttpRequest request = HttpRequest.newBuilder(server.uri("/v2/models/repeat/generate_stream"))
                .POST(BodyPublishers.ofString("{\"IN\":[7,8,9],\"DELAY\":[0,0," + LONG_DELAY_MILLIS + "],\"WAIT\":0}"))
                .timeout(Duration.ofMinutes(1)).build();
        HttpResponse<InputStream> answer = server.client().send(request, BodyHandlers.ofInputStream());
        List<String> events = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8))) {
            while (events.size() < 2) {
                String line = lines.readLine();
                assertNotNull(line, "the answer has ended after " + events);
                if (line.startsWith("data: ")) {
                    events.add(line);
                }
            }
        }

        assertEquals(List.of(7L, 8L), numbers("OUT", events));
        assertEquals(List.of(0L, 1L), numbers("IDX", events));
        // The client has left, so that the request ends long before its last answer.
        awaitNoPendingRequest("repeat");
    }

    private static void awaitNoPendingRequest(String model) throws Exception {
        Pattern gauge = Pattern
                .compile("nv_inference_pending_request_count\\{model=\"" + model + "\"[^}]*\\} ([0-9.e]+)");
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        String text = "";
        while (System.nanoTime() < deadline) {
            text = server.metrics().body();
            Matcher matcher = gauge.matcher(text);
            if (matcher.find() && Double.parseDouble(matcher.group(1)) == 0) {
                return;
            }
            LockSupport.parkNanos(10_000_000);
        }
        throw new AssertionError("a request is still open:\n" + text);
    }

    @Test
    void tokensFollowAsTheCalledModelRatesThem() throws Exception {
        List<Long> tokens = new ArrayList<>(List.of(17L, 4L));
        List<Long> expected = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            long best = best(tokens);
            if (best == 0) {
                break;
            }
            expected.add(best);
            tokens.add(best);
        }

        assertEquals(expected, numbers("TOKEN", events("next_token", "{\"TOKENS\":[17,4]}")));
        assertTrue(expected.size() > 1, expected::toString);
    }

    /** Returns the token that the model rates best. */
    private static long best(List<Long> tokens) throws Exception {
        HttpResponse<String> answer = server.post("/v2/models/bigram/infer", """
                {"inputs":[{"name":"INPUT0","shape":[%d],"datatype":"INT64","data":%s}]}"""
                .formatted(tokens.size(), tokens));
        assertEquals(200, answer.statusCode(), answer::body);
        Matcher data = Pattern.compile("\"data\":\\[([^\\]]*)\\]").matcher(answer.body());
        assertTrue(data.find(), answer::body);
        double[] scores = Stream.of(data.group(1).split(",", -1)).mapToDouble(Double::parseDouble).toArray();
        int best = 0;
        for (int i = 1; i < scores.length; i++) {
            best = scores[i] > scores[best] ? i : best;
        }
        return best;
    }
}
