package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.testkit.Eventually;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line as a user meets it: what is printed, exit codes, and how a server ends. */
class LauncherIT {
    @TempDir
    Path repository;

    private record Result(int status, String output) {
    }

    private static Result run(String... arguments) throws IOException, InterruptedException {
        return run(Map.of(), arguments);
    }

    private static Result run(Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(RunningServer.LAYOUT.resolve("nereid").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put(RunningServer.CPU_ONLY, "1");
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return new Result(process.exitValue(), output);
    }

    @Test
    void printsUsage() throws Exception {
        Result result = run("serve", "--help");

        assertEquals(0, result.status());
        assertTrue(result.output().contains("--model-repository"), result::output);
    }

    @Test
    void refusesUnknownFlagsWithASuggestion() throws Exception {
        Result result = run("serve", "--model-repositry=" + repository);

        assertEquals(1, result.status());
        assertTrue(result.output().contains("did you mean --model-repository?"), result::output);
    }

    @Test
    void refusesFlagsThatAreNotOffered() throws Exception {
        Result result = run("serve", "--model-repository=" + repository, "--allow-sagemaker=true");

        assertEquals(1, result.status());
        assertTrue(result.output().contains("--allow-sagemaker can't be used: "), result::output);
    }

    @Test
    void needsARepository() throws Exception {
        Result result = run("serve");

        assertEquals(1, result.status());
        assertTrue(result.output().contains("--model-repository must be specified"), result::output);
    }

    @Test
    void endsWhereAModelFailsAtTheStart() throws Exception {
        Files.createDirectories(repository.resolve("bad").resolve("1"));
        Files.writeString(repository.resolve("bad").resolve("config.pbtxt"), "backend: \"nosuch\"");

        Result result = run("serve", "--model-repository=" + repository, "--http-port=0", "--grpc-port=0",
                "--metrics-port=0");

        assertEquals(1, result.status());
        assertTrue(result.output().contains("failed to load all models: bad"), result::output);
        assertTrue(result.output().contains("unable to find backend library for backend 'nosuch'"), result::output);
    }

    /** Where it stayed, deaf, nobody would start it again. */
    @Test
    void endsWhereTheHeapIsExhausted() throws Exception {
        Result result = run(Map.of("NEREID_JAVA_OPTIONS", "-Xmx4m"), "serve", "--model-repository=" + repository,
                "--http-port=0", "--grpc-port=0", "--metrics-port=0");

        assertEquals(3, result.status(), result::output);
        assertTrue(result.output().contains("java.lang.OutOfMemoryError"), result::output);
    }

    @Test
    void servesAPathThatIsNotAscii() throws Exception {
        assumeTrue("UTF-8".equals(System.getProperty("sun.jnu.encoding")), "the tests themselves have no such paths");
        Path models = Files.createDirectories(repository.resolve("größe-模型"));
        Files.createDirectories(models.resolve("echo").resolve("1"));
        Files.writeString(models.resolve("echo").resolve("config.pbtxt"), """
                backend: "identity"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                """);

        try (RunningServer server = RunningServer.start(RunningServer.LAYOUT, Map.of("LC_ALL", "C"), models)) {
            assertEquals(200, server.get("/v2/models/echo/ready").statusCode(), server::log);
        }
    }

    @Test
    void theDoctorLooksAtTheMachine() throws Exception {
        Result result = run("doctor", "--http-port=0", "--grpc-port=0", "--metrics-port=0");

        assertEquals(0, result.status(), result::output);
        for (String expected : List.of("System\n", "glibc", "GPUs\n", "Backend identity\n", "Backend pytorch\n",
                "started in", "libtorch_cpu.so")) {
            assertTrue(result.output().contains(expected), result::output);
        }
    }

    @Test
    void theDoctorEndsWithOneWhereThereIsAProblem() throws Exception {
        Result result = run("doctor", "--json", "--http-port=0", "--grpc-port=0", "--metrics-port=0",
                "--backend-directory=" + repository);

        assertEquals(1, result.status(), result::output);
        assertTrue(result.output().contains("{\"problems\":1,"), result::output);
    }

    @Test
    void namesThePortThatIsTaken() throws Exception {
        try (RunningServer server = RunningServer.start(repository)) {
            Result result = run("serve", "--model-repository=" + repository, "--http-address=127.0.0.1",
                    "--http-port=" + server.httpPort(), "--grpc-port=0", "--metrics-port=0");

            assertEquals(1, result.status());
            assertTrue(result.output().contains("can't open 127.0.0.1:" + server.httpPort()), result::output);
        }
    }

    @Test
    void theReadyFileIsThereWhileTheServerServes() throws Exception {
        Path ready = repository.resolve("ready");
        Path models = Files.createDirectories(repository.resolve("models"));
        try (RunningServer server = RunningServer.start(models, "--ready-file=" + ready)) {
            String content = Files.readString(ready);
            assertTrue(content.matches("pid=" + server.process().pid() + "\nhttp=" + server.httpPort()
                    + "\ngrpc=\\d+\nmetrics=" + server.metricsPort() + "\n"), content);

            assertTrue(server.process().toHandle().destroy());
            assertTrue(server.process().waitFor(60, TimeUnit.SECONDS));
        }
        assertFalse(Files.exists(ready));
    }

    @Test
    void aServerThatCannotStartLeavesNoReadyFile() throws Exception {
        Path ready = repository.resolve("ready");
        Path models = Files.createDirectories(repository.resolve("models"));
        Files.createDirectories(models.resolve("bad").resolve("1"));
        Files.writeString(models.resolve("bad").resolve("config.pbtxt"), "backend: \"nosuch\"");
        Files.writeString(ready, "http=1\n");

        Result result = run("serve", "--model-repository=" + models, "--http-port=0", "--grpc-port=0",
                "--metrics-port=0",
                "--ready-file=" + ready);

        assertEquals(1, result.status());
        assertFalse(Files.exists(ready));
    }

    @Test
    void finishesRunningRequestsWhenItIsAskedToEnd() throws Exception {
        Files.createDirectories(repository.resolve("slow").resolve("1"));
        Files.writeString(repository.resolve("slow").resolve("config.pbtxt"), """
                backend: "identity"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                parameters { key: "execute_delay_ms" value: { string_value: "2000" } }
                """);
        try (RunningServer server = RunningServer.start(repository, "--log-verbose=1")) {
            List<CompletableFuture<HttpResponse<String>>> running = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                running.add(server.client().sendAsync(
                        HttpRequest.newBuilder(server.uri("/v2/models/slow/infer"))
                                .POST(BodyPublishers.ofString("{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1],"
                                        + "\"datatype\":\"FP32\",\"data\":[7]}]}"))
                                .build(),
                        BodyHandlers.ofString()));
            }
            // One instance: where one request waits, the other is being executed.
            Eventually.until("one request waits", () -> server.metrics().body()
                    .contains("nv_inference_pending_request_count{model=\"slow\",version=\"1\"} 1\n"));

            // Not the process's own method, which also closes the stream that the log is read from.
            assertTrue(server.process().toHandle().destroy());

            for (CompletableFuture<HttpResponse<String>> each : running) {
                HttpResponse<String> response = each.get(30, TimeUnit.SECONDS);
                assertEquals(200, response.statusCode(), response::body);
                assertTrue(response.body().contains("\"data\":[7.0]"), response::body);
            }
            assertTrue(server.process().waitFor(30, TimeUnit.SECONDS));
            assertEquals(0, server.process().exitValue());
            String log = server.wholeLog();
            assertTrue(log.contains("successfully unloaded 'slow' version 1"), log);
            assertFalse(log.contains("\tat ") || log.contains("    at "), log);
        }
    }

    /** The scheduler of virtual threads, which answer HTTP, is asked for its size by the JDK's own tool. */
    @Test
    void answersWithAsManyThreadsAsItIsTold() throws Exception {
        try (RunningServer server = RunningServer.start(Files.createDirectory(repository.resolve("none")),
                "--http-thread-count=3")) {
            assertEquals(200, server.get("/v2/health/live").statusCode());
            Process jcmd = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                    Long.toString(server.process().pid()), "Thread.vthread_scheduler").redirectErrorStream(true)
                    .start();
            String scheduler = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertTrue(scheduler.contains("parallelism = 3,"), scheduler);
        }
    }
}
