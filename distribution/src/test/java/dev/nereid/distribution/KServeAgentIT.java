package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What KServe's agent for several models does with a server: it puts a model into the directory of the repository, beside a
 * mark that it is complete, asks for it to be loaded, and later to be unloaded. The server is started with the arguments of
 * the runtime that is shipped.
 */
class KServeAgentIT {
    private static final Path RUNTIME = Path.of("..", "deploy", "kserve", "runtime.yaml");
    private static final String BODY = """
            {"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[7]}]}""";

    @TempDir
    private Path directory;

    /** Returns the flags of the runtime, but for those that say where. */
    private static List<String> flags() throws IOException {
        List<String> flags = new ArrayList<>();
        Pattern.compile("^ +- (--\\S+)$", Pattern.MULTILINE).matcher(Files.readString(RUNTIME)).results()
                .map(match -> match.group(1))
                .filter(flag -> !flag.startsWith("--model-store") && !flag.contains("-port=")).forEach(flags::add);
        assertTrue(flags.contains("--allow-grpc=true"), flags::toString);
        return flags;
    }

    private void download(String model, String version) throws IOException {
        Path target = directory.resolve(model);
        Files.createDirectories(target.resolve(version));
        Files.writeString(target.resolve("config.pbtxt"), """
                backend: "identity"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                """);
        Files.writeString(target.resolve("SUCCESS.a4d2f9"), "");
    }

    @Test
    void loadsAndUnloadsWhatTheAgentHasDownloaded() throws Exception {
        List<String> flags = flags();
        flags.removeIf(flag -> flag.startsWith("--exit-grace-secs"));
        flags.add("--model-control-mode=explicit");
        try (RunningServer server = RunningServer.startAsReference(directory, flags.toArray(String[]::new))) {
            assertEquals(200, server.get("/v2/health/ready").statusCode());
            download("echo", "1");
            assertEquals(200, server.post("/v2/repository/models/echo/load", "{}").statusCode());
            HttpResponse<String> answer = server.post("/v2/models/echo/infer", BODY);
            assertEquals(200, answer.statusCode(), answer.body());
            assertTrue(answer.body().contains("\"model_version\":\"1\""), answer.body());

            // An update: the new files, and the same call.
            download("echo", "2");
            assertEquals(200, server.post("/v2/repository/models/echo/load", "{}").statusCode());
            assertTrue(server.post("/v2/models/echo/infer", BODY).body().contains("\"model_version\":\"2\""));

            HttpResponse<String> missing = server.post("/v2/repository/models/none/load", "{}");
            assertEquals(500, missing.statusCode(), missing.body());
            assertEquals(200, server.post("/v2/repository/models/echo/unload", "{}").statusCode());
            assertEquals(400, server.get("/v2/models/echo/ready").statusCode());
            assertEquals(200, server.get("/v2/health/ready").statusCode());
        }
    }
}
