package dev.nereid.distribution;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;

/** A server process, started by the launcher of the built layout on ports of its own choice. */
final class RunningServer implements AutoCloseable {
    static final Path LAYOUT = Path.of("target", "nereid").toAbsolutePath();
    /** Of the ready file, where a test gives none. */
    private static final String DIRECTORY = "nereid-it-";
    private static final String READY_FILE = "--ready-file=";
    private static final long START_SECONDS = 120;
    /** Keeps a process away from GPUs, so that tests see the same on every machine. */
    static final String CPU_ONLY = "TRITON_SERVER_CPU_ONLY";

    private final Process process;
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final List<String> log = new ArrayList<>();
    private final Thread logReader;
    private final Path readyFile;
    private int httpPort;
    private int grpcPort;
    private int metricsPort;

    private RunningServer(Process process, Path readyFile) {
        this.process = process;
        this.readyFile = readyFile;
        logReader = Thread.ofPlatform().name("server-log").daemon(true).start(this::readLog);
    }

    /** Starts a server that uses no GPU, whatever the machine has. */
    static RunningServer start(Path repository, String... flags) throws IOException, InterruptedException {
        return start(LAYOUT, Map.of(), repository, flags);
    }

    /** Starts a server of another layout, with further variables in its environment; it uses no GPU. */
    static RunningServer start(Path layout, Map<String, String> environment, Path repository, String... flags)
            throws IOException, InterruptedException {
        ProcessBuilder builder = builder(layout, repository, flags);
        builder.environment().put(CPU_ONLY, "1");
        builder.environment().putAll(environment);
        return start(builder);
    }

    /** Starts a server under the name and with the flags that the reference's has; it uses no GPU. */
    static RunningServer startAsReference(Path repository, String... flags) throws IOException, InterruptedException {
        ProcessBuilder builder = builder(LAYOUT, repository, flags);
        builder.command().subList(0, 2).clear();
        builder.command().addFirst(LAYOUT.resolve("tritonserver").toString());
        builder.environment().put(CPU_ONLY, "1");
        return start(builder);
    }

    /** Starts a server under limits that a command of the shell sets, with further variables in its environment. */
    static RunningServer startUnder(String limits, Map<String, String> environment, Path repository, String... flags)
            throws IOException, InterruptedException {
        return start(under(limits, environment, repository, flags));
    }

    /** Returns what starts a server under limits that a command of the shell sets; it uses no GPU. */
    static ProcessBuilder under(String limits, Map<String, String> environment, Path repository, String... flags)
            throws IOException {
        ProcessBuilder builder = builder(LAYOUT, repository, flags);
        builder.command().addAll(0, List.of("bash", "-c", limits + " && exec \"$0\" \"$@\""));
        builder.environment().put(CPU_ONLY, "1");
        builder.environment().putAll(environment);
        return builder;
    }

    /** Starts a server that uses the machine's GPUs. */
    static RunningServer startOnGpus(Path repository, String... flags) throws IOException, InterruptedException {
        ProcessBuilder builder = builder(LAYOUT, repository, flags);
        builder.environment().remove(CPU_ONLY);
        return start(builder);
    }

    private static ProcessBuilder builder(Path layout, Path repository, String... flags) throws IOException {
        List<String> command = new ArrayList<>(List.of(layout.resolve("nereid").toString(), "serve",
                "--http-address=127.0.0.1", "--http-port=0", "--grpc-address=127.0.0.1", "--grpc-port=0",
                "--metrics-port=0"));
        if (Arrays.stream(flags).noneMatch(flag -> flag.startsWith("--model-repository="))) {
            command.add("--model-repository=" + repository);
        }
        command.addAll(List.of(flags));
        if (command.stream().noneMatch(each -> each.startsWith(READY_FILE))) {
            command.add(READY_FILE + Files.createTempDirectory(DIRECTORY).resolve("ready"));
        }
        return new ProcessBuilder(command).redirectErrorStream(true);
    }

    private static RunningServer start(ProcessBuilder builder) throws IOException, InterruptedException {
        Path readyFile = builder.command().stream().filter(each -> each.startsWith(READY_FILE))
                .map(each -> Path.of(each.substring(READY_FILE.length()))).findFirst().orElseThrow();
        // It may be there from before; the server would delete it, but perhaps later than it is looked for.
        Files.deleteIfExists(readyFile);
        RunningServer server = new RunningServer(builder.start(), readyFile);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (!Files.exists(readyFile)) {
            if (server.process.waitFor(20, TimeUnit.MILLISECONDS) || System.nanoTime() > deadline) {
                server.close();
                throw new IllegalStateException("the server did not start:\n" + server.wholeLog());
            }
        }
        server.readPorts();
        return server;
    }

    private void readPorts() throws IOException {
        Properties ports = new Properties();
        try (BufferedReader lines = Files.newBufferedReader(readyFile)) {
            ports.load(lines);
        }
        httpPort = Integer.parseInt(ports.getProperty("http"));
        grpcPort = Integer.parseInt(ports.getProperty("grpc", "0"));
        metricsPort = Integer.parseInt(ports.getProperty("metrics"));
    }

    private void readLog() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                synchronized (log) {
                    log.add(line);
                }
            }
        } catch (IOException e) {
            synchronized (log) {
                log.add("the log can't be read: " + e.getMessage());
            }
        }
    }

    String log() {
        synchronized (log) {
            return String.join("\n", log);
        }
    }

    /** Returns what a process that has ended had logged. */
    String wholeLog() throws InterruptedException {
        logReader.join();
        return log();
    }

    int httpPort() {
        return httpPort;
    }

    /** Returns 0 where gRPC is off. */
    int grpcPort() {
        return grpcPort;
    }

    int metricsPort() {
        return metricsPort;
    }

    Process process() {
        return process;
    }

    URI uri(String path) {
        return URI.create("http://127.0.0.1:" + httpPort + path);
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(uri(path)).build(), BodyHandlers.ofString());
    }

    HttpResponse<String> metrics() throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + metricsPort + "/metrics")).build(),
                BodyHandlers.ofString());
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(uri(path)).POST(BodyPublishers.ofString(body)).build(),
                BodyHandlers.ofString());
    }

    /** Sends JSON followed by binary tensors. */
    HttpResponse<byte[]> postBinary(String path, String json, byte[] tensors) throws IOException, InterruptedException {
        byte[] head = json.getBytes(StandardCharsets.UTF_8);
        HttpRequest request = HttpRequest.newBuilder(uri(path))
                .header("Inference-Header-Content-Length", Integer.toString(head.length))
                .POST(BodyPublishers.concat(BodyPublishers.ofByteArray(head), BodyPublishers.ofByteArray(tensors)))
                .build();
        return client.send(request, BodyHandlers.ofByteArray());
    }

    HttpClient client() {
        return client;
    }

    /** Returns a figure of {@code /proc/<pid>/status} in KiB. */
    long memoryKib(String name) throws IOException {
        return memoryKib(process.toHandle(), name);
    }

    /** Returns a figure of a process's {@code /proc/<pid>/status} in KiB. */
    static long memoryKib(ProcessHandle process, String name) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status"))) {
            if (line.startsWith(name + ":")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IOException("the process has no " + name);
    }

    @Override
    public void close() {
        client.close();
        process.destroy();
        try {
            if (!process.waitFor(40, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
        Path directory = readyFile.toAbsolutePath().getParent();
        if (directory != null && directory.getFileName().toString().startsWith(DIRECTORY)) {
            try {
                Files.deleteIfExists(readyFile);
                Files.delete(directory);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
