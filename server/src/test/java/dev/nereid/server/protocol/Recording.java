package dev.nereid.server.protocol;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

/** One recorded exchange with the reference; each character of a body is one byte. */
record Recording(String name, String method, String path, List<Header> headers, String body, int status,
        List<Header> answerHeaders, String answer) {
    record Header(String name, String value) {
    }

    /** Returns the recordings of a session. */
    static List<Recording> load(String session) {
        try (InputStream stream = Recording.class.getResourceAsStream(session + ".jsonl")) {
            if (stream == null) {
                throw new IllegalStateException("no recordings of " + session);
            }
            JsonDocument document = new JsonDocument();
            List<Recording> recordings = new ArrayList<>();
            for (String line : new String(stream.readAllBytes(), UTF_8).lines().toList()) {
                JsonValue root = document.parse(line.getBytes(UTF_8));
                if (root.find("name").isPresent()) {
                    recordings.add(read(root));
                }
            }
            return recordings;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static Recording read(JsonValue root) {
        JsonValue request = root.member("request");
        JsonValue response = root.member("response");
        return new Recording(root.member("name").asString(), request.member("method").asString(),
                request.member("path").asString(), headers(request), body(request),
                (int) response.member("status").asLong(), headers(response), body(response));
    }

    private static List<Header> headers(JsonValue message) {
        return message.member("headers").elements().stream().map(JsonValue::elements)
                .map(pair -> new Header(pair.get(0).asString(), pair.get(1).asString())).toList();
    }

    private static String body(JsonValue message) {
        byte[] bytes = message.find("body_base64").map(text -> Base64.getDecoder().decode(text.asString()))
                .or(() -> message.find("body").map(text -> text.asString().getBytes(UTF_8))).orElse(new byte[0]);
        return new String(bytes, ISO_8859_1);
    }

    byte[] bodyBytes() {
        return body.getBytes(ISO_8859_1);
    }

    Optional<String> header(String wanted) {
        return find(headers, wanted);
    }

    Optional<String> answerHeader(String wanted) {
        return find(answerHeaders, wanted);
    }

    private static Optional<String> find(List<Header> headers, String wanted) {
        return headers.stream().filter(header -> header.name().equalsIgnoreCase(wanted)).map(Header::value)
                .findFirst();
    }

    /** Returns the model that the path names. */
    String model() {
        String[] parts = path.split("/", -1);
        return parts.length > 3 ? parts[3] : "";
    }
}
