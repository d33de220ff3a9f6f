package dev.nereid.distribution;

import java.io.BufferedReader;
import java.io.IOException;
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
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server process, started by the launcher of the built layout on ports of its own choice. */
final class RunningServer implements AutoCloseable {
    static final Path LAYOUT = Path.of("target", "nereid").toAbsolutePath();
    private static final Pattern PORT = Pattern.compile("Started (HTTPService|Metrics Service) at \\S+:(\\d+)");
    private static final long START_SECONDS = 120;
    /** Keeps a process away from GPUs, so that tests see the same on every machine. */
    static final String CPU_ONLY = "TRITON_SERVER_CPU_ONLY";

    private final Process process;
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final List<String> log = new ArrayList<>();
    private final CountDownLatch started = new CountDownLatch(2);
    private final Thread logReader;
    private volatile int httpPort;
    private volatile int metricsPort;

    private RunningServer(Process process) {
        this.process = process;
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

    /** Starts a server that uses the machine's GPUs. */
    static RunningServer startOnGpus(Path repository, String... flags) throws IOException, InterruptedException {
        ProcessBuilder builder = builder(LAYOUT, repository, flags);
        builder.environment().remove(CPU_ONLY);
        return start(builder);
    }

    private static ProcessBuilder builder(Path layout, Path repository, String... flags) {
        List<String> command = new ArrayList<>(List.of(layout.resolve("nereid").toString(), "serve",
                "--model-repository=" + repository, "--http-address=127.0.0.1", "--http-port=0", "--metrics-port=0"));
        command.addAll(List.of(flags));
        return new ProcessBuilder(command).redirectErrorStream(true);
    }

    private static RunningServer start(ProcessBuilder builder) throws IOException, InterruptedException {
        RunningServer server = new RunningServer(builder.start());
        if (!server.started.await(START_SECONDS, TimeUnit.SECONDS) || server.httpPort == 0) {
            server.close();
            throw new IllegalStateException("the server did not start:\n" + server.log());
        }
        return server;
    }

    private void readLog() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                synchronized (log) {
                    log.add(line);
                }
                Matcher matcher = PORT.matcher(line);
                if (matcher.find()) {
                    int port = Integer.parseInt(matcher.group(2));
                    if (matcher.group(1).equals("HTTPService")) {
                        httpPort = port;
                    } else {
                        metricsPort = port;
                    }
                    started.countDown();
                }
            }
        } catch (IOException e) {
            synchronized (log) {
                log.add("the log can't be read: " + e.getMessage());
            }
        }
        started.countDown();
        started.countDown();
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

    /** Returns the resident memory of the server in KiB. */
    long residentKib() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IOException("the process has no VmRSS");
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
    }
}
