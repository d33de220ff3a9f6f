package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clients of other languages, with the libraries that people use: what they do is in {@code src/test/resources/clients}.
 * Where a language is missing, its test says so in one line and is skipped.
 */
@Timeout(300)
class ClientsIT {
    private static final Path CLIENTS = Path.of("src", "test", "resources", "clients").toAbsolutePath();
    private static final Path PROTOS = Path.of("..", "server", "src", "main", "proto").toAbsolutePath().normalize();
    private static final Path CONFIG_PROTOS = Path.of("..", "repository", "src", "main", "proto").toAbsolutePath()
            .normalize();
    private static final long LIMIT_SECONDS = 120;

    @TempDir
    private Path directory;

    /** What a program wrote, and how it ended. */
    private record Outcome(int status, String output) {
        boolean isSuccess() {
            return status == 0;
        }
    }

    private Outcome run(List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(directory, "output", "");
        Process process;
        try {
            process = new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true)
                    .redirectOutput(output.toFile()).start();
        } catch (IOException e) {
            return new Outcome(-1, "there is no " + command.getFirst());
        }
        try {
            boolean hasEnded = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
            return new Outcome(hasEnded ? process.exitValue() : -1,
                    Files.readString(output, StandardCharsets.UTF_8));
        } finally {
            process.destroyForcibly();
        }
    }

    /** Skips the test, with a line for people, unless a command succeeds. */
    private void needs(String what, String... command) throws IOException, InterruptedException {
        if (!run(List.of(command)).isSuccess()) {
            System.out.println("ClientsIT: skipped, since there is no " + what + " here");
            assumeTrue(false, "no " + what);
        }
    }

    private void serves(List<String> steps, boolean isHttp, String... client) throws Exception {
        Path models = Files.createDirectories(directory.resolve("models"));
        Files.createDirectories(models.resolve("echo/1"));
        Files.writeString(models.resolve("echo/config.pbtxt"), """
                backend: "identity"
                max_batch_size: 4
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
                """);
        Files.createDirectories(models.resolve("square/1"));
        Files.writeString(models.resolve("square/config.pbtxt"), """
                backend: "square"
                model_transaction_policy { decoupled: true }
                input [ { name: "IN" data_type: TYPE_INT32 dims: [ 1 ] } ]
                output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
                """);
        try (RunningServer server = RunningServer.start(models, "--model-control-mode=explicit",
                "--allow-client-shm=true")) {
            List<String> command = new ArrayList<>(List.of(client));
            command.add(command.indexOf("PORT"), Integer.toString(isHttp ? server.httpPort() : server.grpcPort()));
            command.remove("PORT");
            Outcome outcome = run(command);
            assertEquals(String.join("\n", steps), outcome.output().strip(),
                    () -> "the client ended with " + outcome.status());
            assertEquals(0, outcome.status());
        }
    }

    private static List<String> steps(String... names) {
        return List.of(names).stream().map(name -> "ok " + name).toList();
    }

    @Test
    void pythonsLibrary() throws Exception {
        String python = Files.isExecutable(Path.of("/usr/bin/python3")) ? "/usr/bin/python3" : "python3";
        needs("grpcio and protobuf for Python (python3-grpcio, python3-protobuf)", python, "-c",
                "import grpc, google.protobuf");
        needs("protoc (protobuf-compiler)", "protoc", "--version");
        Path messages = Files.createDirectories(directory.resolve("messages"));
        Outcome generated = run(List.of("protoc", "-I", PROTOS.toString(), "-I", CONFIG_PROTOS.toString(),
                "--python_out=" + messages, "inference_service.proto", "model_config.proto"));
        assertEquals("", generated.output());
        serves(steps("health", "load", "infer", "errors", "stream", "shared memory", "settings", "unload"), false,
                python, CLIENTS.resolve("client.py").toString(), "PORT", messages.toString());
    }

    @Test
    void nodesLibrary() throws Exception {
        needs("Node (nodejs)", "node", "--version");
        Files.copy(CLIENTS.resolve("package.json"), directory.resolve("package.json"));
        Files.copy(CLIENTS.resolve("client.js"), directory.resolve("client.js"));
        needs("npm, or nowhere to get @grpc/grpc-js from,", "npm", "install", "--no-audit", "--no-fund",
                "--no-package-lock");
        Path protos = Files.createDirectories(directory.resolve("protos"));
        Files.copy(PROTOS.resolve("inference_service.proto"), protos.resolve("inference_service.proto"));
        Files.copy(CONFIG_PROTOS.resolve("model_config.proto"), protos.resolve("model_config.proto"));
        serves(steps("health", "load", "infer", "errors", "stream", "shared memory", "settings", "unload"), false,
                "node", "client.js", "PORT", protos.toString());
    }

    @Test
    void theJdksHttpClient() throws Exception {
        serves(steps("health", "load", "infer", "errors", "stream", "unload"), true,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                CLIENTS.resolve("HttpExample.java").toString(), "PORT");
    }
}
