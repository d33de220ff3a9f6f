package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.testkit.Eventually;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two servers behind HAProxy are replaced one after the other, under load; nothing is tried twice. */
@Timeout(180)
class RollingRestartIT {
    private static final int CLIENTS = 4;
    private static final String BODY = """
            {"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[7]}]}""";

    @TempDir
    private Path directory;

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static boolean isInstalled(String program) {
        return Arrays.stream((System.getenv().getOrDefault("PATH", "") + ":/usr/sbin").split(":", -1))
                .anyMatch(entry -> !entry.isEmpty() && Files.isExecutable(Path.of(entry, program)));
    }

    private RunningServer server(int port) throws IOException, InterruptedException {
        return RunningServer.start(directory.resolve("models"), "--http-port=" + port, "--allow-grpc=false",
                "--exit-grace-secs=1");
    }

    /** Ends a server in order, and starts it again on the same port. */
    private RunningServer replace(RunningServer server, Proxy proxy, String name)
            throws IOException, InterruptedException {
        int port = server.httpPort();
        server.process().destroy();
        assertTrue(server.process().waitFor(60, TimeUnit.SECONDS));
        assertEquals(0, server.process().exitValue(), server::log);
        server.close();
        RunningServer replaced = server(port);
        proxy.awaitUp(name);
        return replaced;
    }

    @Test
    void replacingServersUnderLoadLosesNoRequest() throws Exception {
        assumeTrue(isInstalled("haproxy"), "haproxy is not installed");
        Path model = directory.resolve("models").resolve("echo");
        Files.createDirectories(model.resolve("1"));
        Files.writeString(model.resolve("config.pbtxt"), """
                backend: "identity"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 1 ] } ]
                """);
        RunningServer one = server(freePort());
        RunningServer two = server(freePort());
        try (Proxy proxy = new Proxy(directory, one.httpPort(), two.httpPort()); Load load = new Load(proxy.port)) {
            proxy.awaitUp("one");
            proxy.awaitUp("two");
            load.start();
            one = replace(one, proxy, "one");
            two = replace(two, proxy, "two");
            load.stop();
            assertEquals(List.of(), List.copyOf(load.failures));
            assertTrue(load.answered.get() > 1000, () -> "only " + load.answered + " requests");
            System.out.println("rolling restart behind haproxy: 0 of " + load.answered + " requests lost");
        } finally {
            one.close();
            two.close();
        }
    }

    /** HAProxy in front of two servers. It tries nothing twice. */
    private static final class Proxy implements AutoCloseable {
        private final int port = freePort();
        private final int statisticsPort = freePort();
        private final Process process;
        private final HttpClient client = HttpClient.newHttpClient();

        Proxy(Path directory, int one, int two) throws IOException {
            Path configuration = Files.writeString(directory.resolve("haproxy.cfg"), """
                    global
                        maxconn 200
                    defaults
                        mode http
                        timeout connect 5s
                        timeout client 30s
                        timeout server 30s
                        timeout check 10s
                        retries 0
                    frontend clients
                        bind 127.0.0.1:%d
                        default_backend nereid
                    frontend statistics
                        bind 127.0.0.1:%d
                        stats enable
                        stats uri /
                    backend nereid
                        balance roundrobin
                        option httpchk GET /v2/health/ready
                        default-server check inter 100ms fall 1 rise 1
                        server one 127.0.0.1:%d
                        server two 127.0.0.1:%d
                    """.formatted(port, statisticsPort, one, two));
            process = new ProcessBuilder(
                    Files.isExecutable(Path.of("/usr/sbin/haproxy")) ? "/usr/sbin/haproxy" : "haproxy", "-db", "-f",
                    configuration.toString()).redirectErrorStream(true)
                    .redirectOutput(directory.resolve("haproxy.log").toFile()).start();
        }

        /** Waits until requests are sent to a server. */
        void awaitUp(String name) {
            Eventually.until("server " + name + " to be used by the proxy", () -> isUp(name));
        }

        private boolean isUp(String name) {
            try {
                return client
                        .send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + statisticsPort + "/;csv"))
                                .timeout(Duration.ofSeconds(10)).build(), BodyHandlers.ofString())
                        .body().lines().anyMatch(line -> line.startsWith("nereid," + name + ",")
                                && Arrays.asList(line.split(",", -1)).contains("UP"));
            } catch (IOException e) {
                // It is about to start.
                return false;
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void close() {
            client.close();
            process.destroyForcibly().onExit().join();
        }
    }

    /** Clients that ask without a pause, each again when it has its answer. */
    private static final class Load implements AutoCloseable {
        private final Queue<String> failures = new ConcurrentLinkedQueue<>();
        private final AtomicLong answered = new AtomicLong();
        private final AtomicBoolean isOver = new AtomicBoolean();
        private final List<Thread> clients = new ArrayList<>();
        private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        private final HttpRequest request;

        Load(int port) {
            request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/v2/models/echo/infer"))
                    .timeout(Duration.ofSeconds(30)).POST(BodyPublishers.ofString(BODY)).build();
        }

        void start() {
            for (int i = 0; i < CLIENTS; i++) {
                clients.add(Thread.ofPlatform().start(this::ask));
            }
        }

        private void ask() {
            while (!isOver.get()) {
                try {
                    HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
                    if (answer.statusCode() == 200) {
                        answered.incrementAndGet();
                    } else {
                        failures.add(answer.statusCode() + " " + answer.body());
                    }
                } catch (IOException e) {
                    failures.add(e.toString());
                } catch (InterruptedException e) {
                    return;
                }
            }
        }

        /** Waits for the last answers. */
        void stop() throws InterruptedException {
            isOver.set(true);
            for (Thread each : clients) {
                each.join();
            }
        }

        @Override
        public void close() {
            isOver.set(true);
            client.close();
        }
    }
}
