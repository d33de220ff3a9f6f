package dev.nereid.server.listener;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.server.http.RawClient;
import dev.nereid.server.tls.ServerTls;
import dev.nereid.server.tls.TestCertificates;
import dev.nereid.server.tls.TlsOptions;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A port with TLS. */
@Timeout(120)
class ListenerTlsTest {
    private static final Duration LONG = Duration.ofMinutes(1);
    private static final Duration SHORT = Duration.ofMillis(500);
    /** Time enough for a handshake on a busy machine, short enough to wait for. */
    private static final Duration HURRY = Duration.ofSeconds(3);

    @TempDir
    private static Path issued;

    private static TestCertificates certificates;
    private static TestCertificates others;
    private static SSLContext trusting;

    @BeforeAll
    static void issue() throws Exception {
        certificates = new TestCertificates(issued);
        certificates.issue("server", "EC");
        certificates.issue("RSA", "RSA");
        certificates.issue("client", "EC");
        others = new TestCertificates(issued.resolve("others"));
        others.issue("stranger", "EC");
        trusting = certificates.forClient(Optional.empty());
    }

    /** A port, and what stands behind it. */
    private static final class Port implements AutoCloseable {
        final ServerTls tls;
        final ConnectionSetup setup;
        final ClientConnections connections;
        final Listener listener;

        Port(TlsOptions options, Duration setup, Duration patience, ConnectionHandler handler) throws IOException {
            tls = ServerTls.create("test", options, Duration.ofHours(1));
            this.setup = new ConnectionSetup(Optional.of(tls), setup);
            connections = ClientConnections.start("test", HeapBudget.ofThisProcess(),
                    this.setup, patience, Optional.empty(), handler);
            listener = Listener.open("test", "127.0.0.1", 0, false, new ConnectionSlots(500), connections);
        }

        int number() {
            return listener.port();
        }

        @Override
        public void close() {
            listener.close();
            connections.close();
            tls.close();
        }
    }

    private TlsOptions own() {
        return new TlsOptions(certificates.certificate("server"), certificates.key("server"), Optional.empty());
    }

    private Port open(TlsOptions options) throws IOException {
        return new Port(options, LONG, LONG, _ -> ListenerTlsTest::echo);
    }

    private Port openInAHurry() throws IOException {
        return new Port(own(), HURRY, LONG, _ -> ListenerTlsTest::echo);
    }

    private static void echo(ServerRequest request, ServerResponse response) {
        response.send(request.content().hasEntity()
                ? request.content().as(byte[].class)
                : "served".getBytes(StandardCharsets.US_ASCII));
    }

    private static String ask(SSLContext context, int port) throws Exception {
        try (HttpClient client = HttpClient.newBuilder().sslContext(context).connectTimeout(Duration.ofSeconds(20))
                .build()) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("https://localhost:" + port + "/"))
                    .timeout(Duration.ofSeconds(20)).build();
            return client.send(request, BodyHandlers.ofString()).body();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"server", "RSA"})
    void servesAClientThatTrustsItsAuthority(String name) throws Exception {
        try (Port port = open(
                new TlsOptions(certificates.certificate(name), certificates.key(name), Optional.empty()));
                HttpClient client = HttpClient.newBuilder().sslContext(trusting).build()) {
            byte[] large = new byte[3 << 20];
            new SplittableRandom(1).nextBytes(large);
            HttpRequest request = HttpRequest.newBuilder(URI.create("https://localhost:" + port.number() + "/"))
                    .timeout(Duration.ofSeconds(60)).POST(BodyPublishers.ofByteArray(large)).build();
            for (int i = 0; i < 2; i++) {
                assertEquals(List.of(large.length, Arrays.hashCode(large)),
                        client.sendAsync(request, BodyHandlers.ofByteArray())
                                .thenApply(answer -> List.of(answer.body().length,
                                        Arrays.hashCode(answer.body())))
                                .get(60, TimeUnit.SECONDS));
            }
        }
    }

    @Test
    void servesAClientThatDoesNotSayWhatItSpeaks() throws Exception {
        try (Port port = open(own()); RawClient client = RawClient.connect(port.number(), trusting)) {
            assertEquals("served", client.send("GET", "/", "").body());
            assertEquals("served", client.send("GET", "/", "").body());
        }
    }

    @Test
    void turnsAwayAClientThatSpeaksSomethingElse() throws Exception {
        try (Port port = open(own())) {
            assertThrows(SSLHandshakeException.class, () -> certificates.shown(port.number(), "h2"));
            assertEquals("served", ask(trusting, port.number()));
        }
    }

    @Test
    void asksClientsForACertificateOfTheAuthority() throws Exception {
        SSLContext stranger = SSLContext.getInstance("TLS");
        try (Port port = open(new TlsOptions(certificates.certificate("server"), certificates.key("server"),
                Optional.of(certificates.certificate("ca"))))) {
            assertEquals("served", ask(certificates.forClient(Optional.of("client")), port.number()));
            assertThrows(IOException.class, () -> ask(trusting, port.number()));
            stranger.init(others.keys("stranger"), certificates.trust(), null);
            assertThrows(IOException.class, () -> ask(stranger, port.number()));
            assertEquals("served", ask(certificates.forClient(Optional.of("client")), port.number()));
            assertEquals(300, port.tls.context().getServerSessionContext().getSessionTimeout());
        }
    }

    @Test
    void tellsAClientWithoutTlsWhatIsExpected() throws Exception {
        try (Port port = open(own())) {
            for (String body : List.of("", "x".repeat(100_000))) {
                try (RawClient client = RawClient.connect(port.number())) {
                    RawClient.Answer answer = client.send("POST", "/v2/models/m/infer", body);
                    assertEquals(400, answer.status());
                    assertEquals("{\"error\":\"this port expects TLS, ask with https://\"}", answer.body());
                    assertTrue(client.isClosedByServer());
                }
            }
        }
    }

    @Test
    void endsConnectionsThatSendSomethingElse() throws Exception {
        SplittableRandom random = new SplittableRandom(1);
        List<RawClient> clients = new ArrayList<>();
        try (Port port = openInAHurry()) {
            // All at once, since each may have to wait for the end of the time that it has.
            for (int i = 0; i < 40; i++) {
                byte[] garbage = new byte[1 + random.nextInt(20_000)];
                random.nextBytes(garbage);
                if (i % 2 == 0) {
                    garbage[0] = 22;
                }
                RawClient client = RawClient.connect(port.number());
                clients.add(client);
                client.write(garbage);
            }
            for (RawClient client : clients) {
                String ignored = client.readAll();
                assertTrue(client.isClosedByServer());
            }
            assertEquals("served", ask(trusting, port.number()));
        } finally {
            clients.forEach(RawClient::close);
        }
    }

    @Test
    void endsManyClientsThatDoNotGetOn() throws Exception {
        List<RawClient> silent = new ArrayList<>();
        try (Port port = openInAHurry()) {
            for (int i = 0; i < 200; i++) {
                RawClient client = RawClient.connect(port.number());
                silent.add(client);
                if (i % 2 == 0) {
                    client.write(new byte[]{22, 3, 1, 2, 0});
                }
            }
            assertEquals("served", ask(trusting, port.number()));
            for (RawClient client : silent) {
                assertTrue(client.isClosedByServer());
            }
        } finally {
            silent.forEach(RawClient::close);
        }
    }

    @Test
    void endsAClientThatSendsItsHandshakeByteByByte() throws Exception {
        try (Port port = openInAHurry(); RawClient client = RawClient.connect(port.number())) {
            CompletableFuture<Boolean> isClosed = CompletableFuture.supplyAsync(client::isClosedByServer);
            byte[] slow = {22, 3, 1, 1, 0};
            for (int i = 0; !isClosed.isDone() && i < 1000; i++) {
                try {
                    client.write(new byte[]{i < slow.length ? slow[i] : 1});
                } catch (UncheckedIOException e) {
                    break; // ended while we wrote
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
            assertTrue(isClosed.get(20, TimeUnit.SECONDS));
        }
    }

    @Test
    void noticesAClientThatGoesWhileItWaits() throws Exception {
        CountDownLatch isWaiting = new CountDownLatch(1);
        CountDownLatch isCancelled = new CountDownLatch(1);
        ConnectionHandler waiting = client -> (request, response) -> {
            client.waits(isCancelled::countDown);
            isWaiting.countDown();
            assertTrue(isCancelled.await(20, TimeUnit.SECONDS));
            client.answered();
            response.send("late");
        };
        try (Port port = new Port(own(), LONG, LONG, waiting)) {
            try (RawClient client = RawClient.connect(port.number(), trusting)) {
                client.write(RawClient.request("GET", "/", ""));
                assertTrue(isWaiting.await(20, TimeUnit.SECONDS));
            }
            assertTrue(isCancelled.await(20, TimeUnit.SECONDS));
        }
    }

    @Test
    void dropsAClientThatTakesNothingOfItsAnswer() throws Exception {
        CompletableFuture<Boolean> isSent = new CompletableFuture<>();
        Handler large = (request, response) -> {
            try {
                response.send(new byte[32 << 20]);
                isSent.complete(true);
            } catch (RuntimeException e) {
                isSent.complete(false);
                throw e;
            }
        };
        try (Port port = new Port(own(), LONG, SHORT, _ -> large);
                RawClient client = RawClient.connect(port.number(), trusting)) {
            client.write(RawClient.request("GET", "/", ""));
            assertFalse(isSent.get(20, TimeUnit.SECONDS));
            Eventually.until("the connection is gone", () -> port.connections.count() == 0);
        }
    }

    @Test
    void endsWithItsIdleConnections() throws Exception {
        try (Port port = open(own());
                RawClient client = RawClient.connect(port.number(), trusting);
                RawClient beginner = RawClient.connect(port.number())) {
            assertEquals("served", client.send("GET", "/", "").body());
            beginner.write(new byte[]{22, 3});
            port.listener.close();
            port.connections.drain(Deadline.in(Duration.ofSeconds(2)));
            assertTrue(client.isClosedByServer());
            assertTrue(beginner.isClosedByServer());
        }
    }

    /** Beside others that still ask. */
    @Test
    void atTheEndServesAClientThatWasSettingTlsUp() throws Exception {
        AtomicBoolean isServed = new AtomicBoolean();
        try (Port port = open(own()); Socket socket = new Socket(InetAddress.getLoopbackAddress(), port.number())) {
            Eventually.until("the connection is accepted", () -> !port.setup.isDone());
            Thread end = Thread.ofVirtual().start(() -> port.connections.drain(Deadline.in(LONG)));
            Eventually.until("the end has begun", port.connections::endsWithAnswer);
            Thread others = Thread.ofVirtual().start(() -> {
                while (!isServed.get()) {
                    boolean ignored = port.connections.endsWithAnswer();
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
                }
            });
            try (RawClient client = RawClient.over(
                    trusting.getSocketFactory().createSocket(socket, "localhost", port.number(), true))) {
                assertEquals("served", client.send("GET", "/", "").body());
            } finally {
                isServed.set(true);
            }
            assertTrue(others.join(Duration.ofSeconds(20)));
            assertTrue(end.join(Duration.ofSeconds(20)));
        }
    }

    /** No connection fails while pairs of key and certificate change, and the last pair is the one that is shown. */
    @Test
    void takesNewCertificatesUnderLoad(@TempDir Path directory) throws Exception {
        Path certificate = Files.copy(certificates.certificate("server"), directory.resolve("tls.crt"));
        Path key = Files.copy(certificates.key("server"), directory.resolve("tls.key"));
        AtomicBoolean isOver = new AtomicBoolean();
        try (Port port = open(new TlsOptions(certificate, key, Optional.empty()));
                ExecutorService clients = Executors.newFixedThreadPool(2)) {
            List<Future<Integer>> load = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                load.add(clients.submit(() -> {
                    int answers = 0;
                    while (!isOver.get()) {
                        // Without a session of before, each handshake needs key and certificate.
                        try (RawClient client = RawClient.connect(port.number(),
                                certificates.forClient(Optional.empty()))) {
                            assertEquals("served", client.send("GET", "/", "").body());
                            answers++;
                        }
                    }
                    return answers;
                }));
            }
            try {
                for (int i = 0; i < 20; i++) {
                    String name = i % 2 == 0 ? "RSA" : "server";
                    // In two steps, so that the server also sees a pair that does not fit.
                    Files.copy(certificates.certificate(name), certificate, StandardCopyOption.REPLACE_EXISTING);
                    port.tls.refreshIfPossible();
                    Files.copy(certificates.key(name), key, StandardCopyOption.REPLACE_EXISTING);
                    port.tls.refreshIfPossible();
                    assertEquals("CN=" + name, certificates.shown(port.number(), "http/1.1"));
                }
            } finally {
                isOver.set(true);
            }
            for (Future<Integer> answers : load) {
                assertTrue(answers.get(60, TimeUnit.SECONDS) > 0);
            }
        }
    }
}
