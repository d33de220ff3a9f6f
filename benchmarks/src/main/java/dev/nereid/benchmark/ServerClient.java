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
import java.time.Duration;
import java.util.function.Supplier;

/** Asks a server of this machine what is not measured: whether it is ready, to load models, for a single answer. */
final class ServerClient implements AutoCloseable {
    static final String JSON_LENGTH = "Inference-Header-Content-Length";
    private static final int OK = 200;
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final int port;
    private final Supplier<String> log;
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /**
     * Creates a client.
     *
     * @param log what the server has printed, for the texts of errors; empty where that is not known
     */
    ServerClient(int port, Supplier<String> log) {
        this.port = port;
        this.log = log;
    }

    /** Returns whether that path is answered with 200. */
    boolean isOk(String path) {
        return send("GET", path, BodyPublishers.noBody(), "").statusCode() == OK;
    }

    /** Returns whether a model serves. */
    boolean isModelReady(String model) {
        return isOk("/v2/models/" + model + "/ready");
    }

    /** Loads a model and returns the seconds that it took. */
    double load(String model) {
        return timed("/v2/repository/models/" + model + "/load");
    }

    /** Unloads a model and returns the seconds until it no longer answers. */
    double unload(String model) {
        long begin = System.nanoTime();
        timed("/v2/repository/models/" + model + "/unload");
        while (isModelReady(model)) {
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
        return check(inferPath(model), answer(model, body));
    }

    /** Sends a request to a model and returns the answer, whatever it is. */
    HttpResponse<byte[]> answer(String model, RequestBody body) {
        return send("POST", inferPath(model), BodyPublishers.ofByteArray(body.bytes()),
                body.jsonLength() == 0 ? "" : Integer.toString(body.jsonLength()));
    }

    private static String inferPath(String model) {
        return "/v2/models/" + model + "/infer";
    }

    /** Returns what is at a path. */
    byte[] get(String path) {
        return check(path, send("GET", path, BodyPublishers.noBody(), "")).body();
    }

    /** Sends bytes to a path. */
    void put(String path, byte[] body, String jsonLength) {
        check(path, send("PUT", path, BodyPublishers.ofByteArray(body), jsonLength));
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
                .method(method, body).timeout(PATIENCE);
        if (!jsonLength.isEmpty()) {
            request.header(JSON_LENGTH, jsonLength);
        }
        try {
            return client.send(request.build(), BodyHandlers.ofByteArray());
        } catch (IOException e) {
            String lines = log.get();
            throw new BenchException("port " + port + ": " + path + " was not answered: " + e
                    + (lines.isEmpty() ? "" : "; the last lines:\n" + lines), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
    }

    @Override
    public void close() {
        client.shutdownNow();
        client.close();
    }
}
