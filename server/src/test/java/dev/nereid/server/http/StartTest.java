package dev.nereid.server.http;

import dev.nereid.backend.api.testkit.Eventually;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.plugin.PluginJar;
import dev.nereid.server.NereidServer;
import dev.nereid.server.StartException;
import dev.nereid.server.cli.CommandLine;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What clients see of how a server was started. */
@Timeout(120)
class StartTest {
    private static final String LOCAL = "127.0.0.1";

    @TempDir
    private Path directory;

    private static boolean accepts(String address, int port) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address, port), 5_000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    private static double utilization(TestServer server) {
        try (RawClient client = RawClient.connect(server.metricsPort())) {
            return client.send("GET", "/metrics", "").body().lines()
                    .filter(line -> line.startsWith("nv_cpu_utilization "))
                    .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(' ') + 1))).findFirst()
                    .orElse(-1);
        }
    }

    @Test
    void portsOpenWhenModelsAreLoadedAndNotBefore() throws IOException {
        int http = freePort();
        int metrics = freePort();
        AtomicInteger loads = new AtomicInteger();
        AtomicInteger openWhileLoading = new AtomicInteger();
        FakeBackend backend = new FakeBackend("echo").onCreateModel(_ -> {
            loads.incrementAndGet();
            if (accepts(LOCAL, http) || accepts(LOCAL, metrics)) {
                openWhileLoading.incrementAndGet();
            }
        });
        Path models = Files.createDirectories(directory.resolve("models"));
        TestServer.writeModel(models, "m", "", "TYPE_FP32", "4");
        Path backends = Files.createDirectories(directory.resolve("backends"));
        PluginJar.delegatingTo(backend).writeTo(backends.resolve("echo.jar"));
        List<String> flags = List.of("--model-repository=" + models, "--backend-directory=" + backends,
                "--http-address=" + LOCAL, "--http-port=" + http, "--metrics-port=" + metrics);

        try (NereidServer server = NereidServer.start(CommandLine.parse(flags).options(backends))) {
            assertEquals(1, loads.get());
            assertEquals(0, openWhileLoading.get());
            assertTrue(accepts(LOCAL, server.httpPort()));
            assertTrue(accepts(LOCAL, server.metricsPort()));
        }
    }

    @Test
    void metricsHaveAnAddressOfTheirOwn() {
        try (TestServer server = TestServer.start(directory, "--metrics-address=127.0.0.2")) {
            assertTrue(accepts(LOCAL, server.port()));
            assertTrue(accepts("127.0.0.2", server.metricsPort()));
            assertFalse(accepts(LOCAL, server.metricsPort()));
            assertFalse(accepts("127.0.0.2", server.port()));
        }
    }

    @Test
    void metricsCanBeLeftOut() {
        try (TestServer server = TestServer.start(directory, "--allow-metrics=false")) {
            assertEquals(-1, server.metricsPort());
            assertEquals(200, server.get("/v2/health/ready").status());
        }
    }

    @Test
    void metricsOfTheProcessorsAreSampledAsOftenAsAskedFor() {
        try (TestServer seldom = TestServer.start(directory.resolve("seldom"), "--allow-cpu-metrics=true",
                "--metrics-interval-ms=3600000");
                TestServer often = TestServer.start(directory.resolve("often"), "--allow-cpu-metrics=true",
                        "--metrics-interval-ms=20");
                TestServer never = TestServer.start(directory.resolve("never"), "--allow-cpu-metrics=false")) {
            // The first sample has none to be compared with.
            Eventually.until("a second sample", () -> utilization(often) > 0);
            assertEquals(0, utilization(seldom));
            assertEquals(-1, utilization(never));
        }
    }

    @Test
    void modelsHaveConfigurationsByName() throws IOException {
        Path configs = Files.createDirectories(directory.resolve("models/batched/configs"));
        Files.writeString(configs.resolve("big.pbtxt"), """
                backend: "echo" max_batch_size: 77
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] }]
                """);
        try (TestServer server = TestServer.start(directory, "--model-config-name=big")) {
            String named = server.get("/v2/models/batched/config").body();
            assertTrue(named.contains("\"max_batch_size\":77"), named);
            String other = server.get("/v2/models/text/config").body();
            assertTrue(other.contains("\"max_batch_size\":8"), other);
        }
    }

    @Test
    void serversShareAPortWhereBothAreAskedTo() {
        try (TestServer first = TestServer.start(directory.resolve("first"), "--reuse-http-port=true");
                TestServer second = TestServer.start(directory.resolve("second"), "--reuse-http-port=true",
                        "--http-port=" + first.port())) {
            assertEquals(first.port(), second.port());
            StartException alone = assertThrows(StartException.class,
                    () -> TestServer.start(directory.resolve("third"), "--http-port=" + first.port()));
            assertTrue(String.valueOf(alone.getMessage()).contains("is another server running there?"),
                    alone.getMessage());
        }
    }

    @Test
    void aServerThatPollsFindsWhatIsNew() throws IOException {
        try (TestServer server = TestServer.start(directory, "--model-control-mode=poll", "--repository-poll-secs=1")) {
            TestServer.writeModel(directory.resolve("models"), "late", "", "TYPE_FP32", "4");

            Eventually.until("the new model is served", () -> server.get("/v2/models/late/ready").status() == 200);
        }
    }

    @Test
    void aServerThatLacksARepositoryStaysUpButIsNeitherLiveNorReady() {
        try (TestServer server = TestServer.start(directory, "--exit-on-error=false",
                "--model-repository=" + directory.resolve("missing"))) {
            assertEquals(400, server.get("/v2/health/live").status());
            assertEquals("", server.get("/v2/health/live").body());
            assertEquals(400, server.get("/v2/health/ready").status());
            assertEquals(200, server.get("/v2").status());
            assertEquals(404, server.get("/v2/models/batched").status());
        }
    }
}
