package dev.nereid.server.grpc;

import static dev.nereid.server.grpc.ServedModels.PLAIN;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.grpc.proto.ModelStatisticsRequest;
import dev.nereid.server.grpc.proto.ModelStatisticsResponse;
import dev.nereid.server.http.RawClient;
import dev.nereid.server.tls.TestCertificates;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.netty.handler.ssl.SslContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Certificates are replaced while clients of both protocols ask; each request is counted. */
@Timeout(120)
class CertificatesUnderLoadTest {
    private static final String BODY = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,1],\"datatype\":\"INT32\",\"data\":[7]}]}";

    @TempDir
    private Path directory;

    private final AtomicBoolean isOver = new AtomicBoolean();
    private final Queue<String> failures = new ConcurrentLinkedQueue<>();
    private TestCertificates certificates;
    private TrustManager[] trust;
    private SslContext grpcTrust;
    private Path certificate;
    private Path key;

    /** A client that asks one request after the other, on a thread of its own. */
    private final class Asking {
        final AtomicLong sent = new AtomicLong();
        final AtomicLong answered = new AtomicLong();
        private final Thread thread;

        Asking(String name, Client client) {
            thread = Thread.ofPlatform().name(name).start(() -> {
                try {
                    while (!isOver.get()) {
                        sent.incrementAndGet();
                        client.ask();
                        answered.incrementAndGet();
                    }
                    client.end();
                } catch (Exception | AssertionError e) {
                    failures.add(name + " after " + answered + " answers: " + e);
                }
            });
        }

        void awaitEnd() throws InterruptedException {
            thread.join(TimeUnit.SECONDS.toMillis(60));
        }
    }

    private static CallOptions inTime() {
        return CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS);
    }

    private interface Client {
        void ask() throws Exception;

        default void end() throws Exception {
        }
    }

    /** Asks each time on the one connection that it has; where that ends, so does this client. */
    private static final class HttpOnOneConnection implements Client {
        private final RawClient connection;

        HttpOnOneConnection(RawClient connection) {
            this.connection = connection;
        }

        @Override
        public void ask() {
            RawClient.Answer answer = connection.send("POST", "/v2/models/" + PLAIN + "/infer", BODY);
            assertEquals(200, answer.status(), answer::body);
            assertTrue(answer.body().contains("\"data\":[7]"), answer::body);
        }

        @Override
        public void end() {
            connection.close();
        }
    }

    private static final class GrpcOnOneChannel implements Client {
        private final ManagedChannel channel;

        GrpcOnOneChannel(ManagedChannel channel) {
            this.channel = channel;
        }

        @Override
        public void ask() {
            assertEquals(ServedModels.ints(7),
                    ClientCalls.blockingUnaryCall(channel, ServedModels.INFER, inTime(),
                            ServedModels.request(PLAIN, "a", 7).build()).getRawOutputContents(0));
        }

        @Override
        public void end() throws InterruptedException {
            channel.shutdown();
            assertTrue(channel.awaitTermination(20, TimeUnit.SECONDS));
        }
    }

    @BeforeEach
    void issue() throws Exception {
        certificates = new TestCertificates(directory.resolve("issued"));
        certificates.issue("first", "EC");
        certificates.issue("second", "RSA");
        trust = certificates.trust();
        grpcTrust = GrpcSslContexts.forClient().trustManager(certificates.certificate("ca").toFile()).build();
        certificate = Files.copy(certificates.certificate("first"), directory.resolve("tls.crt"));
        key = Files.copy(certificates.key("first"), directory.resolve("tls.key"));
    }

    /** A connection whose handshake needs key and certificate: there is no session of before to go on with. */
    private RawClient connect(int port) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust, null);
        return RawClient.connect(port, context);
    }

    private ManagedChannel channel(int port) {
        return NettyChannelBuilder.forAddress("localhost", port).sslContext(grpcTrust).disableRetry().build();
    }

    private void replace(Path file, byte[] content) throws Exception {
        Path next = Files.write(directory.resolve("next"), content);
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static void awaitProgress(Map<String, Asking> clients) {
        for (Asking client : clients.values()) {
            long before = client.answered.get();
            // One that was under way may still be of before.
            Eventually.until(client.thread.getName() + " goes on",
                    () -> client.answered.get() > before + 1 || !client.thread.isAlive());
        }
    }

    private void assertShown(ServedModels served, String name) throws Exception {
        assertEquals("CN=" + name, certificates.shown(served.server().httpPort(), "http/1.1"));
        assertEquals("CN=" + name, certificates.shown(served.server().grpcPort(), "h2"));
    }

    @Test
    void loseNoRequest() throws Exception {
        try (ServedModels served = new ServedModels(directory.resolve("server"), "--allow-http=true", "--http-port=0",
                "--http-address=127.0.0.1", "--http-tls-cert=" + certificate, "--http-tls-key=" + key,
                "--grpc-use-ssl=true", "--grpc-server-cert=" + certificate, "--grpc-server-key=" + key)) {
            int http = served.server().httpPort();
            int grpc = served.server().grpcPort();
            Map<String, Client> behaviours = new LinkedHashMap<>();
            behaviours.put("HTTP, one connection", new HttpOnOneConnection(connect(http)));
            behaviours.put("HTTP, new connections", () -> {
                HttpOnOneConnection client = new HttpOnOneConnection(connect(http));
                client.ask();
                client.end();
            });
            behaviours.put("gRPC, one connection", new GrpcOnOneChannel(channel(grpc)));
            behaviours.put("gRPC, new connections", () -> {
                GrpcOnOneChannel client = new GrpcOnOneChannel(channel(grpc));
                client.ask();
                client.end();
            });
            Map<String, Asking> clients = new LinkedHashMap<>();
            behaviours.forEach((name, client) -> clients.put(name, new Asking(name, client)));
            try {
                for (int i = 0; i < 3; i++) {
                    String old = i % 2 == 0 ? "first" : "second";
                    String next = i % 2 == 0 ? "second" : "first";
                    byte[] whole = Files.readAllBytes(certificates.certificate(next));
                    // Written in pieces, then without the key that fits: what was there serves on.
                    replace(certificate, Arrays.copyOf(whole, whole.length / 2));
                    served.server().refreshCredentials();
                    assertShown(served, old);
                    replace(certificate, whole);
                    Files.delete(key);
                    served.server().refreshCredentials();
                    awaitProgress(clients);
                    replace(key, Files.readAllBytes(certificates.key(next)));
                    served.server().refreshCredentials();
                    assertShown(served, next);
                    awaitProgress(clients);
                }
            } finally {
                isOver.set(true);
            }
            for (Asking client : clients.values()) {
                client.awaitEnd();
            }

            assertEquals(List.of(), List.copyOf(failures));
            clients.forEach((name, client) -> assertEquals(client.sent.get(), client.answered.get(), name));
            assertEquals(clients.values().stream().mapToLong(client -> client.sent.get()).sum(), executed(served));
        }
    }

    private long executed(ServedModels served) throws Exception {
        ManagedChannel channel = channel(served.server().grpcPort());
        try {
            return ClientCalls
                    .blockingUnaryCall(channel,
                            ServedModels.method(MethodType.UNARY, Methods.SERVICE + "/ModelStatistics",
                                    ModelStatisticsRequest.getDefaultInstance(),
                                    ModelStatisticsResponse.getDefaultInstance()),
                            inTime(), ModelStatisticsRequest.newBuilder().setName(PLAIN).build())
                    .getModelStats(0).getInferenceStats().getSuccess().getCount();
        } finally {
            channel.shutdownNow();
            assertTrue(channel.awaitTermination(20, TimeUnit.SECONDS));
        }
    }
}
