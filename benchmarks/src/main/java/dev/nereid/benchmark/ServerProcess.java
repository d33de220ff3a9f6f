package dev.nereid.benchmark;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A process that answers requests on a port of its own choice: a server, started as a user would, or the handler. */
final class ServerProcess implements AutoCloseable {
    private static final long START_SECONDS = 120;
    private static final int OK = 200;
    private static final Pattern SERVER_PORT = Pattern.compile("Started HTTPService at \\S+:(\\d+)");
    private static final Pattern GRPC_PORT = Pattern.compile("Started GRPCInferenceService at \\S+:(\\d+)");
    private static final Pattern HANDLER_PORT = Pattern.compile("listening on port (\\d+)");
    private static final String JSON_LENGTH = "Inference-Header-Content-Length";
    private static final String OPTIONS = "NEREID_JAVA_OPTIONS";

    private final Child child;
    private final int port;
    private final int grpcPort;
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private ServerProcess(Child child, int port, int grpcPort) {
        this.child = child;
        this.port = port;
        this.grpcPort = grpcPort;
    }

    /**
     * Starts a server by the launcher of a layout and waits until it listens.
     *
     * @param javaOptions further options of its JVM; empty for none
     */
    static ServerProcess server(Children children, Path home, Path repository, String javaOptions, String... flags) {
        List<String> command = new ArrayList<>(List.of(home.resolve("nereid").toString(), "serve",
                "--model-repository=" + repository, "--http-address=127.0.0.1", "--http-port=0",
                "--grpc-address=127.0.0.1",
                "--grpc-port=0", "--metrics-port=0"));
        command.addAll(List.of(flags));
        String inherited = System.getenv().getOrDefault(OPTIONS, "");
        Child child = Child.start("the server", children, command,
                Map.of(OPTIONS, (inherited + " " + javaOptions).strip()));
        int httpPort = port(child, SERVER_PORT);
        return new ServerProcess(child, httpPort, port(child, GRPC_PORT));
    }

    /** Starts the bare handler. */
    static ServerProcess handler(Children children) {
        Child child = Child.java("the bare handler", children, List.of("-XX:+UseG1GC"), BareHandler.class,
                List.of("0"));
        return new ServerProcess(child, port(child, HANDLER_PORT), 0);
    }

    /** Starts the bare server of gRPC. */
    static ServerProcess grpcHandler(Children children) {
        Child child = Child.java("the bare gRPC server", children, List.of("-XX:+UseG1GC"), BareGrpcServer.class,
                List.of("0"));
        return new ServerProcess(child, 0, port(child, HANDLER_PORT));
    }

    /** Reads on until a line tells a port. */
    private static int port(Child child, Pattern sign) {
        while (true) {
            Matcher matcher = sign.matcher(child.line(START_SECONDS));
            if (matcher.find()) {
                return Integer.parseInt(matcher.group(1));
            }
        }
    }

    int port() {
        return port;
    }

    int grpcPort() {
        return grpcPort;
    }

    long pid() {
        return child.pid();
    }

    /** Waits until the server is ready. */
    void awaitReady() {
        long deadline = System.nanoTime() + START_SECONDS * 1_000_000_000L;
        while (send("GET", "/v2/health/ready", BodyPublishers.noBody(), "").statusCode() != OK) {
            if (System.nanoTime() > deadline) {
                throw new BenchException("the server was not ready in " + START_SECONDS + " s; its last lines:\n"
                        + child.log());
            }
        }
    }

    /** Loads a model and returns the seconds that it took. */
    double load(String model) {
        return timed("/v2/repository/models/" + model + "/load");
    }

    /** Unloads a model and returns the seconds until it no longer answers. */
    double unload(String model) {
        long begin = System.nanoTime();
        timed("/v2/repository/models/" + model + "/unload");
        while (send("GET", "/v2/models/" + model + "/ready", BodyPublishers.noBody(), "").statusCode() == OK) {
            Thread.onSpinWait();
        }
        return (System.nanoTime() - begin) / 1e9;
    }

    private double timed(String path) {
        long begin = System.nanoTime();
        check(path, send("POST", path, BodyPublishers.noBody(), ""));
        return (System.nanoTime() - begin) / 1e9;
    }

    /** Sends a request to a model and returns the answer. */
    HttpResponse<byte[]> infer(String model, RequestBody body) {
        String path = "/v2/models/" + model + "/infer";
        return check(path, send("POST", path, BodyPublishers.ofByteArray(body.bytes()),
                body.jsonLength() == 0 ? "" : Integer.toString(body.jsonLength())));
    }

    /** Tells the handler what to answer. */
    void answerWith(HttpResponse<byte[]> answer) {
        String path = "/v2/models/bare/answer";
        check(path, send("PUT", path, BodyPublishers.ofByteArray(answer.body()),
                answer.headers().firstValue(JSON_LENGTH).orElse("")));
    }

    private static HttpResponse<byte[]> check(String path, HttpResponse<byte[]> response) {
        if (response.statusCode() != OK) {
            throw new BenchException(path + " was answered with " + response.statusCode() + " "
                    + new String(response.body(), 0, Math.min(300, response.body().length),
                            StandardCharsets.UTF_8));
        }
        return response;
    }

    private HttpResponse<byte[]> send(String method, String path, BodyPublisher body, String jsonLength) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .method(method, body);
        if (!jsonLength.isEmpty()) {
            request.header(JSON_LENGTH, jsonLength);
        }
        try {
            return client.send(request.build(), BodyHandlers.ofByteArray());
        } catch (IOException e) {
            throw new BenchException(path + " was not answered: " + e + "; the last lines:\n" + child.log(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
    }

    @Override
    public void close() {
        client.shutdownNow();
        child.close();
        client.close();
    }
}
