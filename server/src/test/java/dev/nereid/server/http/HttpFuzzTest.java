package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Sends recorded requests with mistakes in them. For a longer run by hand: {@code -Dnereid.fuzz.cases=1000000}, and
 * {@code -Dnereid.fuzz.seed=<n>} for other mistakes.
 */
class HttpFuzzTest {
    private static final int CASES = Integer.getInteger("nereid.fuzz.cases", 3000);
    private static final long SEED = Long.getLong("nereid.fuzz.seed", 20_261_123);
    private static final String[] MODELS = {TestServer.BATCHED, TestServer.SINGLE, TestServer.TEXT};
    private static final String[] HEADERS = {"Content-Encoding: gzip", "Content-Encoding: deflate",
        "Inference-Header-Content-Length: 0", "Inference-Header-Content-Length: 10",
        "Inference-Header-Content-Length: 99999999999", "Accept-Encoding: gzip", "Expect: 100-continue",
        "Connection: close", "Content-Length: 10", "Transfer-Encoding: chunked", "Content-Encoding: br"};
    private static final String[] WORDS = {"null", "-1", "1e999", "18446744073709551616", "[]", "{}", "\"\"", "true",
        "9223372036854775807", "[[[[", "\\u0000", "\\ud800", "NaN", "\r\n", "\0", "..", "%00", "BYTES", "FP16"};

    /** What the reference answers with 500 although the client is to blame, and so does this server. */
    private static final String[] KNOWN_500 = {"unexpected error on creating Triton parameter",
        "bytes) should be at least"};

    private final Random random = new Random(SEED);

    private static List<String> recorded() {
        List<String> requests = new ArrayList<>();
        try (InputStream in = HttpFuzzTest.class
                .getResourceAsStream("/dev/nereid/server/protocol/explicit_all.jsonl")) {
            if (in == null) {
                throw new IOException("no recordings");
            }
            JsonDocument document = new JsonDocument();
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
                JsonValue root = document.parse(line.getBytes(StandardCharsets.UTF_8));
                root.find("request").ifPresent(request -> requests.add(request(request)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return requests;
    }

    private static String request(JsonValue request) {
        StringBuilder text = new StringBuilder(request.member("method").asString()).append(' ')
                .append(request.member("path").asString()).append(" HTTP/1.1\r\n");
        request.member("headers").elements().stream().map(JsonValue::elements).forEach(
                header -> text.append(header.get(0).asString()).append(": ").append(header.get(1).asString())
                        .append("\r\n"));
        byte[] body = request.find("body_base64").map(base64 -> Base64.getDecoder().decode(base64.asString()))
                .or(() -> request.find("body").map(plain -> plain.asString().getBytes(StandardCharsets.UTF_8)))
                .orElse(new byte[0]);
        return text.append("\r\n").append(new String(body, StandardCharsets.ISO_8859_1)).toString();
    }

    private String pick(String... from) {
        return from[random.nextInt(from.length)];
    }

    private String mutated(String request) {
        String text = request;
        if (random.nextInt(4) > 0) {
            text = text.replaceFirst("/v2/models/[^/ ]+", "/v2/models/" + pick(MODELS));
        }
        StringBuilder changed = new StringBuilder(text);
        for (int i = random.nextInt(4); i > 0 && changed.length() > 2; i--) {
            mutate(changed);
        }
        return random.nextInt(3) == 0 ? changed.toString() : withRightLength(changed.toString());
    }

    private void mutate(StringBuilder text) {
        int at = random.nextInt(text.length());
        int end = Math.min(text.length(), at + 1 + random.nextInt(20));
        switch (random.nextInt(7)) {
            case 0 -> text.setCharAt(at, (char) random.nextInt(256));
            case 1 -> text.delete(at, end);
            case 2 -> text.insert(at, text.substring(at, end));
            case 3 -> text.insert(at, pick(WORDS));
            case 4 -> text.replace(at, end, pick(WORDS));
            case 5 -> text.insert(Math.max(0, text.indexOf("\r\n") + 2), pick(HEADERS) + "\r\n");
            default -> text.setLength(at);
        }
    }

    /** Lets the mistakes in a body reach the code behind the framing. */
    private static String withRightLength(String request) {
        int body = request.indexOf("\r\n\r\n");
        return body < 0
                ? request
                : request.replaceFirst("Content-Length: \\d+", "Content-Length: " + (request.length() - body - 4));
    }

    @Test
    void answersMistakesWithJson(@TempDir Path directory) {
        List<String> requests = recorded();
        assertFalse(requests.isEmpty());
        try (TestServer server = TestServer.start(directory, "--http-max-input-size=100000")) {
            int answered = 0;
            for (int i = 0; i < CASES; i++) {
                String request = mutated(requests.get(random.nextInt(requests.size())));
                try (RawClient client = server.connect()) {
                    client.write(request);
                    client.shutdownOutput();
                    String answer = client.readAll();
                    answered += answer.isEmpty() ? 0 : 1;
                    check(request, answer, "case " + i + " of seed " + SEED);
                }
            }
            assertTrue(answered > CASES / 2, () -> "too few answers");
            assertEquals(200, server.get("/v2/health/ready").status());
            assertEquals(200, server.post("/v2/models/batched/infer", TestServer.inferBody("")).status());
            assertEquals(0, server.bytesHeld());
        }
    }

    private static void check(String request, String answer, String name) {
        if (answer.isEmpty()) {
            return;
        }
        String all = name + "\n" + request + "\n-----\n" + answer;
        int status = Integer.parseInt(answer.split(" ", 3)[1]);
        assertTrue(status != 500 || Arrays.stream(KNOWN_500).anyMatch(answer::contains), all);
        if (status >= 400 && !request.startsWith("HEAD ") && !answer.contains("Content-Length: 0\r\n")) {
            String body = answer.substring(answer.indexOf("\r\n\r\n") + 4);
            assertTrue(body.startsWith("{\"error\":\"") || body.startsWith("data: {\"error\":\""), all);
        }
    }
}
