package dev.nereid.distribution;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/**
 * A recorded session with a server of the reference: its flags, its models, and what was sent and answered.
 *
 * @param models the archive of its model repository
 */
record RecordedSession(List<String> flags, Path models, List<Exchange> exchanges) {
    /**
     * One exchange.
     *
     * @param line the whole recording
     */
    record Exchange(JsonValue line) {
        String name() {
            return line.member("name").asString();
        }

        String kind() {
            return line.member("kind").asString();
        }

        boolean is(String flag) {
            return line.find(flag).map(value -> value.isBoolean() && value.asBoolean()).orElse(false);
        }

        Optional<String> text(String member) {
            return line.find(member).map(JsonValue::asString);
        }

        long number(String member, long otherwise) {
            return line.find(member).map(JsonValue::asLong).orElse(otherwise);
        }
    }

    /** Reads the session of a directory with {@code recordings} and {@code models}. */
    static RecordedSession read(Path directory, String name) throws IOException {
        List<JsonValue> lines = lines(directory.resolve("recordings").resolve(name + ".jsonl"));
        JsonValue head = lines.getFirst();
        List<String> flags = head.member("server_flags").elements().stream().map(JsonValue::asString).toList();
        String models = head.find("models").map(JsonValue::asString).orElse(name);
        return new RecordedSession(flags, directory.resolve("models").resolve(models + ".jsonl"),
                lines.stream().skip(1).map(Exchange::new).toList());
    }

    private static List<JsonValue> lines(Path file) throws IOException {
        return Files.readAllLines(file).stream()
                .map(line -> new JsonDocument().parse(line.getBytes(StandardCharsets.UTF_8))).toList();
    }

    /** Writes the model repository into a directory. */
    void unpackModels(Path target) throws IOException {
        for (JsonValue entry : lines(models)) {
            Optional<JsonValue> directory = entry.find("directory");
            if (directory.isPresent()) {
                Files.createDirectories(target.resolve(directory.get().asString()));
                continue;
            }
            Path file = target.resolve(entry.member("file").asString());
            Files.createDirectories(file.getParent());
            Optional<JsonValue> text = entry.find("text");
            Files.write(file, text.isPresent()
                    ? text.get().asString().getBytes(StandardCharsets.UTF_8)
                    : Base64.getDecoder().decode(entry.member("base64").asString()));
        }
    }
}
