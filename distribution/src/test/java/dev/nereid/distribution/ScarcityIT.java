package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.testkit.Eventually;
import io.grpc.ManagedChannel;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server that lacks heap, file descriptors, threads or a reader of its log still answers, or says why it can't, and ends. */
@Timeout(120)
class ScarcityIT {
    private static final String INFER = "/v2/models/echo/infer";
    private static final String SMALL = body(4);
    private static final String JAVA_OPTIONS = "NEREID_JAVA_OPTIONS";
    /** Not the number of a user that is likely to run anything. */
    private static final String USER = "60123";

    @TempDir
    Path directory;

    private Path repository;

    @BeforeEach
    void makeRepository() throws IOException {
        repository = directory.resolve("models");
        Files.createDirectories(repository.resolve("echo/1"));
        Files.writeString(repository.resolve("echo/config.pbtxt"), """
                backend: "identity"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
                """);
    }

    private static String body(int values) {
        return "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + values + "],\"datatype\":\"FP32\",\"data\":["
                + "1.5,".repeat(values - 1) + "1.5]}]}";
    }

    private static void assertServes(RunningServer server) throws Exception {
        assertEquals(200, server.get("/v2/health/live").statusCode());
        assertEquals(200, server.post(INFER, SMALL).statusCode());
        assertEquals(200, server.metrics().statusCode());
    }

    private static void assertEnds(Process process, int status) throws InterruptedException {
        process.destroy();
        assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the server did not end");
        assertEquals(status, process.exitValue());
    }

    @Test
    void livesOnASmallHeapThatManyLargeRequestsWouldFill() throws Exception {
        try (RunningServer server = RunningServer.startUnder("true", Map.of(JAVA_OPTIONS, "-Xmx80m"), repository)) {
            HttpRequest large = HttpRequest.newBuilder(server.uri(INFER)).POST(BodyPublishers.ofString(body(1_500_000)))
                    .build();
            List<CompletableFuture<HttpResponse<Void>>> answers = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                answers.add(server.client().sendAsync(large, BodyHandlers.discarding()));
            }
            List<Integer> statuses = new ArrayList<>();
            for (CompletableFuture<HttpResponse<Void>> answer : answers) {
                statuses.add(answer.get(60, TimeUnit.SECONDS).statusCode());
            }

            assertTrue(statuses.stream().allMatch(status -> status == 200 || status == 503), statuses::toString);
            assertServes(server);
            assertEnds(server.process(), 0);
        }
    }

    @Test
    void acceptsAgainAfterMoreConnectionsThanItHasFileDescriptorsFor() throws Exception {
        try (RunningServer server = RunningServer.startUnder("ulimit -n 200", Map.of(), repository)) {
            List<Socket> sockets = new ArrayList<>();
            try {
                for (int i = 0; i < 260; i++) {
                    int port = i % 2 == 0 ? server.httpPort() : server.grpcPort();
                    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
                    sockets.add(socket);
                    socket.getOutputStream().write("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
                }
                assertEquals(200, server.metrics().statusCode());
            } finally {
                for (Socket socket : sockets) {
                    socket.close();
                }
            }
            assertServes(server);
            ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", server.grpcPort()).usePlaintext()
                    .build();
            try {
                assertEquals(HealthCheckResponse.ServingStatus.SERVING,
                        HealthGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS)
                                .check(HealthCheckRequest.getDefaultInstance()).getStatus());
            } finally {
                channel.shutdownNow();
            }
            assertEnds(server.process(), 0);
        }
    }

    @Test
    void endsWithAClearTextWhereThreadsAreMissing() throws Exception {
        String setUser = "setpriv --reuid=" + USER + " --regid=" + USER + " --clear-groups ";
        Process trial = new ProcessBuilder("bash", "-c", setUser + "test -x " + RunningServer.LAYOUT.resolve("nereid"))
                .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        assumeTrue(trial.waitFor() == 0,
                "only root can give a process a user of its own, whose threads can be limited");
        // The other user is to see the models.
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        // Enough for the virtual machine, and too few for a server.
        ProcessBuilder builder = RunningServer.under("exec prlimit --nproc=29:29 " + setUser + "\"$0\" \"$@\"",
                Map.of(JAVA_OPTIONS, "-XX:ActiveProcessorCount=2", "TMPDIR", "/tmp", "HOME", "/tmp"), repository,
                "--ready-file=" + directory.resolve("ready"));
        Process process = builder.start();
        try {
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

            assertTrue(process.waitFor(30, TimeUnit.SECONDS));
            assertEquals(1, process.exitValue(), output);
            assertTrue(
                    output.contains(
                            "error: the system gives this process no more threads; raise the limit of processes"),
                    output);
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void endsInTimeThoughNobodyReadsItsLog() throws Exception {
        Path ready = directory.resolve("ready");
        Process process = RunningServer.under("true", Map.of(), repository, "--log-verbose=1", "--exit-timeout-secs=1",
                "--ready-file=" + ready).start();
        try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            Eventually.until("the server is ready", () -> Files.exists(ready));
            Properties ports = new Properties();
            try (var lines = Files.newBufferedReader(ready)) {
                ports.load(lines);
            }
            HttpRequest request = HttpRequest.newBuilder(
                    URI.create("http://127.0.0.1:" + ports.getProperty("http") + "/" + "x".repeat(500)))
                    .timeout(Duration.ofSeconds(5)).build();
            // The pipe holds some; who writes more waits.
            boolean isFull = false;
            for (int i = 0; i < 2_000 && !isFull; i++) {
                try {
                    assertEquals(404, client.send(request, BodyHandlers.discarding()).statusCode());
                } catch (HttpTimeoutException e) {
                    isFull = true;
                }
            }
            assertTrue(isFull);

            // 1 where it had to be ended, 0 where it still came to an end by itself.
            process.destroy();
            assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the server did not end");
            assertTrue(process.exitValue() <= 1, () -> "status " + process.exitValue());
        } finally {
            process.destroyForcibly();
        }
    }
}
