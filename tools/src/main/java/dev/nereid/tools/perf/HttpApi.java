package dev.nereid.tools.perf;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Asks the server about a model over HTTP. */
final class HttpApi implements ServerApi {
    private static final int OK = 200;

    private final Target target;
    private final String modelPath;
    private final HttpConnection connection;

    HttpApi(Target target, String model, String version) {
        this.target = target;
        this.modelPath = "/v2/models/" + encode(model) + (version.isEmpty() ? "" : "/versions/" + encode(version));
        this.connection = new HttpConnection(target);
    }

    private static String encode(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** Returns the path that requests are sent to. */
    String inferPath() {
        return modelPath + "/infer";
    }

    /** Returns the path that requests are sent to which may have any number of answers. */
    String streamPath() {
        return modelPath + "/generate_stream";
    }

    @Override
    public ModelDescription describe() {
        JsonValue metadata = get(modelPath);
        return parse(modelPath, () -> ModelDescription.of(metadata, get(modelPath + "/config")));
    }

    @Override
    public Optional<ServerTimes> statistics() {
        try {
            HttpReply reply = connection.exchange(target.get(modelPath + "/stats"));
            if (reply.status() != OK) {
                return Optional.empty();
            }
            return Optional.of(ServerTimes.of(json(reply)));
        } catch (IOException | InferenceException e) {
            return Optional.empty();
        }
    }

    private JsonValue get(String path) {
        HttpReply reply;
        try {
            reply = connection.exchange(target.get(path));
        } catch (IOException e) {
            throw new PerfException(e.getMessage() + "; is the server running, and is -u right?", e);
        }
        if (reply.status() != OK) {
            throw new PerfException(target + " answered " + errorText(reply));
        }
        return parse(path, () -> json(reply));
    }

    private static JsonValue json(HttpReply reply) {
        return new JsonDocument().parse(reply.body());
    }

    private interface Step<T> {
        T run();
    }

    private <T> T parse(String path, Step<T> step) {
        try {
            return step.run();
        } catch (InferenceException e) {
            throw new PerfException(
                    target + " answered " + path + " with something that is not understood: " + e.getMessage(), e);
        }
    }

    /** Returns status and text of an answer that is not 200. */
    static String errorText(HttpReply reply) {
        String text;
        try {
            text = json(reply).member("error").asString();
        } catch (InferenceException e) {
            text = new String(reply.buffer(), reply.bodyStart(), Math.min(200, reply.bodyLength()),
                    StandardCharsets.UTF_8).strip();
        }
        return reply.status() + (text.isEmpty() ? "" : ": " + text);
    }

    @Override
    public void close() {
        connection.close();
    }
}
