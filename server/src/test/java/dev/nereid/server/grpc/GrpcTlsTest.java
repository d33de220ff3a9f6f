package dev.nereid.server.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.tls.ServerTls;
import dev.nereid.server.tls.TestCertificates;
import dev.nereid.server.tls.TlsOptions;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.handler.ssl.SslContextBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class GrpcTlsTest {
    private static final Duration PERIOD = Duration.ofMillis(20);

    @TempDir
    private Path directory;

    private EchoListener open(TlsOptions options) {
        return new EchoListener(GrpcOptions.DEFAULT.at("127.0.0.1", 0), 64 << 20, () -> HealthService.Health.READY,
                Optional.of(ServerTls.create("gRPC", options, PERIOD)));
    }

    private static boolean isServed(int port, TestCertificates certificates, Optional<String> client) throws Exception {
        SslContextBuilder ssl = GrpcSslContexts.forClient().trustManager(certificates.certificate("ca").toFile());
        client.ifPresent(
                name -> ssl.keyManager(certificates.certificate(name).toFile(), certificates.key(name).toFile()));
        ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", port).sslContext(ssl.build()).build();
        try {
            return EchoListener.echo(channel, new byte[100_000], CallOptions.DEFAULT).getRawOutputContents(0)
                    .size() == 100_000;
        } finally {
            channel.shutdownNow();
            assertTrue(channel.awaitTermination(20, TimeUnit.SECONDS));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"EC", "RSA"})
    void servesOverTls(String algorithm) throws Exception {
        TestCertificates certificates = new TestCertificates(directory);
        certificates.issue("server", algorithm);
        try (EchoListener server = open(
                new TlsOptions(certificates.certificate("server"), certificates.key("server"), Optional.empty()))) {
            assertTrue(isServed(server.port(), certificates, Optional.empty()));
        }
    }

    @Test
    void asksClientsForACertificateOfTheAuthority() throws Exception {
        TestCertificates certificates = new TestCertificates(directory);
        certificates.issue("server", "EC");
        certificates.issue("client", "EC");
        TestCertificates others = new TestCertificates(directory.resolve("others"));
        others.issue("stranger", "EC");
        Files.copy(others.certificate("stranger"), certificates.certificate("stranger"));
        Files.copy(others.key("stranger"), certificates.key("stranger"));
        try (EchoListener server = open(new TlsOptions(certificates.certificate("server"), certificates.key("server"),
                Optional.of(certificates.certificate("ca"))))) {
            assertTrue(isServed(server.port(), certificates, Optional.of("client")));
            assertThrows(StatusRuntimeException.class,
                    () -> isServed(server.port(), certificates, Optional.empty()));
            assertThrows(StatusRuntimeException.class,
                    () -> isServed(server.port(), certificates, Optional.of("stranger")));
            assertTrue(isServed(server.port(), certificates, Optional.of("client")));
        }
    }

    /** As Kubernetes updates a secret: the files are links through a link to a directory, and that one is replaced. */
    @Test
    void takesNewCertificatesWhenALinkOnTheWayToThemChanges() throws Exception {
        TestCertificates certificates = new TestCertificates(directory);
        certificates.issue("first", "EC");
        certificates.issue("second", "EC");
        Path mount = Files.createDirectories(directory.resolve("mount"));
        for (String name : new String[]{"first", "second"}) {
            Path version = Files.createDirectories(mount.resolve(".." + name));
            Files.copy(certificates.certificate(name), version.resolve("tls.crt"));
            Files.copy(certificates.key(name), version.resolve("tls.key"));
        }
        Path data = Files.createSymbolicLink(mount.resolve("..data"), Path.of("..first"));
        Path certificate = Files.createSymbolicLink(mount.resolve("tls.crt"), Path.of("..data", "tls.crt"));
        Path key = Files.createSymbolicLink(mount.resolve("tls.key"), Path.of("..data", "tls.key"));
        try (EchoListener server = open(new TlsOptions(certificate, key, Optional.empty()))) {
            assertEquals("CN=first", certificates.shown(server.port(), "h2"));
            Path next = Files.createSymbolicLink(mount.resolve("..next"), Path.of("..second"));
            Files.move(next, data, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            Eventually.until("the new certificate is shown",
                    () -> certificates.shown(server.port(), "h2").equals("CN=second"));
            assertTrue(isServed(server.port(), certificates, Optional.empty()));
        }
    }

    @Test
    void keepsThePairThatFitsUntilTheNextOneDoes() throws Exception {
        TestCertificates certificates = new TestCertificates(directory);
        certificates.issue("first", "EC");
        certificates.issue("second", "EC");
        Path certificate = Files.copy(certificates.certificate("first"), directory.resolve("tls.crt"));
        Path key = Files.copy(certificates.key("first"), directory.resolve("tls.key"));
        try (ServerTls tls = ServerTls.create("gRPC", new TlsOptions(certificate, key, Optional.empty()),
                Duration.ofHours(1));
                EchoListener server = new EchoListener(GrpcOptions.DEFAULT.at("127.0.0.1", 0), 64 << 20,
                        () -> HealthService.Health.READY, Optional.of(tls))) {
            Files.copy(certificates.certificate("second"), certificate, StandardCopyOption.REPLACE_EXISTING);
            tls.refreshIfPossible();
            assertEquals("CN=first", certificates.shown(server.port(), "h2"));
            Files.copy(certificates.key("second"), key, StandardCopyOption.REPLACE_EXISTING);
            tls.refreshIfPossible();
            assertEquals("CN=second", certificates.shown(server.port(), "h2"));
        }
    }
}
