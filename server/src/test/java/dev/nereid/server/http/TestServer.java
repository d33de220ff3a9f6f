package dev.nereid.server.http;

import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.plugin.PluginJar;
import dev.nereid.server.NereidServer;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.cli.CommandLine;
import dev.nereid.server.v2.LogControl;
import dev.nereid.server.v2.LogOptions;
import dev.nereid.server.v2.LogTail;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A real server on free ports, with an {@link EchoBackend} and models that use it. */
final class TestServer implements AutoCloseable {
    static final String BATCHED = "batched";
    static final String SINGLE = "single";
    static final String TEXT = "text";

    private final NereidServer server;
    private final EchoBackend backend;
    private final Logs logs;
    private final Path models;

    private TestServer(NereidServer server, EchoBackend backend, Logs logs, Path models) {
        this.models = models;
        this.server = server;
        this.backend = backend;
        this.logs = logs;
    }

    /** Starts a server with more flags in an empty directory, on a machine without GPUs. */
    static TestServer start(Path directory, String... flags) {
        return start(directory, GpuDriver.none("this is a test"), flags);
    }

    /** Starts a server with more flags in an empty directory, on a machine with the GPUs of that driver. */
    static TestServer start(Path directory, GpuDriver driver, String... flags) {
        try {
            EchoBackend backend = new EchoBackend();
            Path models = Files.createDirectories(directory.resolve("models"));
            writeModel(models, BATCHED, "max_batch_size: 8", "TYPE_FP32", "4");
            writeModel(models, SINGLE, "instance_group [{ count: 1 kind: KIND_CPU }]", "TYPE_FP32", "-1");
            writeModel(models, TEXT, "max_batch_size: 8", "TYPE_STRING", "1");
            Path backends = Files.createDirectories(directory.resolve("backends"));
            PluginJar.delegatingTo(backend.factory()).writeTo(backends.resolve("echo.jar"));
            List<String> all = new ArrayList<>(List.of("--model-repository=" + models,
                    "--backend-directory=" + backends,
                    "--http-port=0", "--grpc-port=0", "--metrics-port=0", "--http-address=127.0.0.1",
                    "--grpc-address=127.0.0.1", "--allow-cpu-metrics=false"));
            all.addAll(Arrays.asList(flags));
            ServerOptions options = CommandLine.parse(all).options(backends);
            Logs logs = new Logs(options.logging());
            return new TestServer(NereidServer.start(options, logs, Engine.create(options.engine(), driver)), backend,
                    logs, models);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void writeModel(Path models, String name, String extra, String type, String dims)
            throws IOException {
        Path model = models.resolve(name);
        Files.createDirectories(model.resolve("1"));
        Files.writeString(model.resolve("config.pbtxt"), """
                backend: "echo"
                %s
                input [{ name: "INPUT0" data_type: %s dims: [ %s ] }]
                output [{ name: "OUTPUT0" data_type: %s dims: [ %s ] }]
                """.formatted(extra, type, dims, type, dims));
    }

    NereidServer server() {
        return server;
    }

    int port() {
        return server.httpPort();
    }

    int metricsPort() {
        return server.metricsPort();
    }

    int consolePort() {
        return server.consolePort();
    }

    /** Returns the repository, for further models. */
    Path models() {
        return models;
    }

    /** Adds a line to the end of the log that the console shows. */
    void log(String line) {
        logs.tail.add(line);
    }

    LogOptions logOptions() {
        return logs.options();
    }

    EchoBackend backend() {
        return backend;
    }

    /** Returns the memory that requests still hold when the last of them has had a moment to end. */
    long bytesHeld() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (server.engine().buffers().inUseBytes() != 0 && System.nanoTime() < deadline) {
            LockSupport.parkNanos(100_000);
        }
        return server.engine().buffers().inUseBytes();
    }

    RawClient connect() {
        return RawClient.connect(port());
    }

    /** Sends one request on a connection of its own. */
    RawClient.Answer send(String method, String path, String body, String... headers) {
        try (RawClient client = connect()) {
            return client.send(method, path, body, headers);
        }
    }

    RawClient.Answer get(String path, String... headers) {
        return send("GET", path, "", headers);
    }

    RawClient.Answer post(String path, String body, String... headers) {
        return send("POST", path, body, headers);
    }

    static String inferBody(String parameters) {
        return "{\"parameters\":{" + parameters + "},\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,4],"
                + "\"datatype\":\"FP32\",\"data\":[1,2,3,4]}]}";
    }

    @Override
    public void close() {
        server.close();
    }

    /** Keeps log settings without applying them. */
    private static final class Logs implements LogControl {
        private final LogTail tail = new LogTail();
        private volatile LogOptions options;

        Logs(LogOptions options) {
            this.options = options;
        }

        @Override
        public LogOptions options() {
            return options;
        }

        @Override
        public void change(LogOptions changed) {
            options = changed;
        }

        @Override
        public Optional<LogTail> tail() {
            return Optional.of(tail);
        }
    }

    /** Returns the value of a metric of a model, where it is there. */
    Optional<Double> metric(String name, String labels) {
        try (RawClient client = RawClient.connect(metricsPort())) {
            return client.send("GET", "/metrics", "").body().lines()
                    .filter(line -> line.startsWith(name + "{") && line.contains(labels))
                    .map(line -> Double.valueOf(line.substring(line.lastIndexOf(' ') + 1))).findFirst();
        }
    }
}
