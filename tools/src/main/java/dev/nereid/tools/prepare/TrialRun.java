package dev.nereid.tools.prepare;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A server that serves one small model until it has answered some requests, and whose JVM writes a cache when it ends.
 * All its files lie in one directory beside the cache to be, which is deleted at the end.
 *
 * <p>Threads: one that runs it; any may close it meanwhile, which ends the process that runs and makes the run fail. This
 * object's monitor guards which process that is.
 */
final class TrialRun implements AutoCloseable {
    /**
     * Profiles of a few requests (JEP 515) have a later start compile half as much again, and answer a sixth less in its first 15
     * seconds. The switch is one for diagnosis, so that a JVM may lack it is no reason to fail; nor is then any other option
     * that it does not know.
     */
    private static final List<String> WITHOUT_PROFILES = List.of("-XX:+IgnoreUnrecognizedVMOptions",
            "-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTRecordTraining");
    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration ANSWER = Duration.ofMinutes(1);
    /** The JVM makes the cache while it ends. */
    private static final Duration END = Duration.ofMinutes(10);
    private static final int ROUNDS = 3;
    private static final int SHOWN_LINES = 20;
    /** What the JVM tells of the cache itself, which explains nothing. */
    private static final Pattern ABOUT_CACHE = Pattern
            .compile("^(Temporary AOT|Launching child|Picked up JAVA_TOOL|Reading AOT|AOTCache|Removed temporary)");

    private final Path home;
    private final Path directory;
    private final Path log;
    @GuardedBy("this")
    private @Nullable Process running;
    @GuardedBy("this")
    private boolean isClosed;

    private TrialRun(Path home, Path directory) {
        this.home = home;
        this.directory = directory;
        this.log = directory.resolve("log");
    }

    /** Creates a run of the server that lies in that directory. */
    static TrialRun create(Path home) throws PrepareException {
        try {
            return new TrialRun(home, Files.createTempDirectory(home, ".prepare-"));
        } catch (IOException e) {
            throw new PrepareException(home + " is not writable: " + e, e);
        }
    }

    /**
     * Runs the server and puts the cache where it belongs, in one step, since a server may be starting meanwhile.
     *
     * @param server the command line of the server's JVM, up to its options
     */
    void run(List<String> server, Path cache) throws PrepareException, InterruptedException {
        Path written = directory.resolve("cache");
        try {
            Files.createFile(log);
            Optional<TrialModel> model = model();
            serve(command(server, written), model);
            if (!Files.isRegularFile(written) || Files.size(written) == 0) {
                throw new PrepareException("the JVM wrote no cache");
            }
            publish(written, cache);
        } catch (IOException e) {
            throw new PrepareException("the trial run can't use its files: " + e, e);
        }
    }

    private Path models() {
        return directory.resolve("models");
    }

    private Path readyFile() {
        return directory.resolve("ready");
    }

    /** Writes the model that is served; none where no backend is there for one. */
    private Optional<TrialModel> model() throws PrepareException, IOException, InterruptedException {
        Files.createDirectories(models());
        // In a process of its own: only that one needs libtorch.
        Process samples = start(List.of(home.resolve("nereid").toString(), "samples", models().toString(),
                "--models=" + TrialModel.MLP.modelName()), Redirect.DISCARD);
        if (samples.waitFor() == 0) {
            return Optional.of(TrialModel.MLP);
        }
        delete(models());
        Files.createDirectories(models());
        Path backends = home.resolve("backends");
        if (Files.exists(backends.resolve("identity")) || Files.exists(backends.resolve("identity.jar"))) {
            TrialModel.writeEcho(models());
            return Optional.of(TrialModel.ECHO);
        }
        return Optional.empty();
    }

    private List<String> command(List<String> server, Path written) {
        List<String> command = new ArrayList<>(server);
        command.addAll(WITHOUT_PROFILES);
        command.addAll(List.of("-XX:AOTCacheOutput=" + written, "-cp", home.resolve("lib") + "/*",
                "dev.nereid.server.cli.Main", "--model-repository=" + models(), "--http-address=127.0.0.1",
                "--grpc-address=127.0.0.1", "--metrics-address=127.0.0.1", "--http-port=0", "--grpc-port=0",
                "--metrics-port=0", "--ready-file=" + readyFile()));
        return command;
    }

    private void serve(List<String> command, Optional<TrialModel> model)
            throws PrepareException, IOException, InterruptedException {
        Process server = start(command, Redirect.appendTo(log.toFile()));
        awaitReady(server);
        Properties ports = new Properties();
        try (Reader reader = Files.newBufferedReader(readyFile(), StandardCharsets.US_ASCII)) {
            ports.load(reader);
        }
        ask(URI.create("http://127.0.0.1:" + ports.getProperty("http")),
                URI.create("http://127.0.0.1:" + ports.getProperty("metrics")), model);
        server.destroy();
        if (!server.waitFor(END.toSeconds(), TimeUnit.SECONDS)) {
            throw new PrepareException("the server did not end within " + END.toSeconds() + " seconds");
        }
    }

    private void awaitReady(Process server) throws PrepareException, InterruptedException {
        long deadline = System.nanoTime() + START.toNanos();
        while (!Files.exists(readyFile())) {
            if (server.waitFor(20, TimeUnit.MILLISECONDS)) {
                throw new PrepareException(
                        "the server ended with status " + server.exitValue() + " before it was ready");
            }
            if (System.nanoTime() > deadline) {
                throw new PrepareException("the server was not ready within " + START.toSeconds() + " seconds");
            }
        }
    }

    /** Asks what clients ask. */
    private static void ask(URI http, URI metrics, Optional<TrialModel> model)
            throws PrepareException, InterruptedException {
        try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            ask(client, http.resolve("/v2/health/ready"), "GET", BodyPublishers.noBody());
            ask(client, http.resolve("/v2"), "GET", BodyPublishers.noBody());
            if (model.isPresent()) {
                for (int i = 0; i < ROUNDS; i++) {
                    ask(client, http.resolve("/v2/models/" + model.get().modelName() + "/infer"), "POST",
                            BodyPublishers.ofString(model.get().request()));
                }
            }
            ask(client, metrics.resolve("/metrics"), "GET", BodyPublishers.noBody());
        }
    }

    private static void ask(HttpClient client, URI uri, String method, BodyPublisher body)
            throws PrepareException, InterruptedException {
        try {
            HttpResponse<String> response = client.send(
                    HttpRequest.newBuilder(uri).method(method, body).timeout(ANSWER).build(), BodyHandlers.ofString());
            if (response.statusCode() != 200) {
                throw new PrepareException(uri.getPath() + " was answered " + response.statusCode() + ": "
                        + response.body());
            }
        } catch (IOException e) {
            throw new PrepareException(uri.getPath() + " was not answered: " + e, e);
        }
    }

    private synchronized Process start(List<String> command, Redirect output) throws PrepareException, IOException {
        if (isClosed) {
            throw new PrepareException("interrupted");
        }
        Process started = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output).start();
        running = started;
        return started;
    }

    private synchronized void publish(Path written, Path cache) throws PrepareException, IOException {
        if (isClosed) {
            throw new PrepareException("interrupted");
        }
        Files.move(written, cache, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Returns the last lines that the server has logged. */
    List<String> lastLines() {
        try {
            List<String> lines = Files.readString(log, StandardCharsets.ISO_8859_1).lines()
                    .filter(line -> !ABOUT_CACHE.matcher(line).find()).toList();
            return lines.subList(Math.max(0, lines.size() - SHOWN_LINES), lines.size());
        } catch (IOException e) {
            return List.of("its log can't be read: " + e);
        }
    }

    synchronized boolean isClosed() {
        return isClosed;
    }

    /** Ends what runs, at once, and deletes all files. */
    @Override
    public synchronized void close() {
        if (isClosed) {
            return;
        }
        isClosed = true;
        Process last = running;
        if (last != null && last.isAlive()) {
            // With the processes that it started: the launcher's tool, and what makes the cache.
            List<ProcessHandle> all = Stream.concat(Stream.of(last.toHandle()), last.descendants()).toList();
            all.forEach(ProcessHandle::destroyForcibly);
            all.forEach(each -> each.onExit().join());
        }
        try {
            delete(directory);
        } catch (IOException e) {
            System.err.println("nereid: " + directory + " can't be deleted: " + e);
        }
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
