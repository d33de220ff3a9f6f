package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.grpc.GrpcOptions;
import dev.nereid.server.grpc.GrpcOptions.Compression;
import dev.nereid.server.grpc.GrpcOptions.KeepAlive;
import dev.nereid.server.tls.TlsOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GrpcFlagsTest {
    @TempDir
    private Path repository;

    private GrpcOptions options(String... flags) {
        List<String> arguments = new ArrayList<>(List.of("--model-repository=" + repository));
        arguments.addAll(List.of(flags));
        return CommandLine.parse(arguments, Map.of()).options(Path.of("backends")).grpc();
    }

    private String mistake(String... flags) {
        return assertThrows(UsageException.class, () -> options(flags)).getMessage();
    }

    @Test
    void withoutFlagsItIsAsTheReference() {
        assertEquals(GrpcOptions.DEFAULT, options());
    }

    @Test
    void flagsSayWhereToListen() {
        GrpcOptions options = options("--grpc-address=127.0.0.1", "--grpc-port=9001", "--reuse-grpc-port=true",
                "--grpc-infer-thread-count=3");
        assertEquals("127.0.0.1", options.address());
        assertEquals(9001, options.port());
        assertTrue(options.reusesPort());
        assertEquals(3, options.threads());
        assertFalse(options("--allow-grpc=false").isEnabled());
    }

    @Test
    void flagsSayWhatIsOffered() {
        GrpcOptions options = options("--grpc-header-forward-pattern=my_.*", "--grpc-reflection=true",
                "--grpc-restricted-protocol=model-repository:secret=42", "--grpc-max-response-pool-size=5",
                "--grpc-infer-response-compression-level=high");
        assertEquals(Optional.of("my_.*"), options.forwardPattern());
        assertTrue(options.hasReflection());
        assertEquals(List.of("model-repository"), List.copyOf(options.restrictions().keySet()));
        assertEquals(5, options.maxWaitingResponses());
        assertEquals(Compression.HIGH, options.compression());
        assertTrue(mistake("--grpc-infer-response-compression-level=much").contains("expected one of none, low"));
    }

    @Test
    void flagsSayHowConnectionsAreKept() {
        assertEquals(
                new KeepAlive(Duration.ofMillis(1), Duration.ofMillis(2), true, Duration.ofMillis(3),
                        Optional.of(Duration.ofMillis(4)), Optional.of(Duration.ofMillis(5))),
                options("--grpc-keepalive-time=1", "--grpc-keepalive-timeout=2",
                        "--grpc-keepalive-permit-without-calls=true",
                        "--grpc-http2-min-recv-ping-interval-without-data=3", "--grpc-max-connection-age=4",
                        "--grpc-max-connection-age-grace=5").keepAlive());
    }

    @Test
    void flagsNameKeyAndCertificates() {
        assertEquals(Optional.of(new TlsOptions(Path.of("c.pem"), Path.of("k.pem"), Optional.empty())),
                options("--grpc-use-ssl=true", "--grpc-server-cert=c.pem", "--grpc-server-key=k.pem").tls());
        assertEquals(Optional.of(new TlsOptions(Path.of("c.pem"), Path.of("k.pem"), Optional.of(Path.of("r.pem")))),
                options("--grpc-use-ssl-mutual=true", "--grpc-server-cert=c.pem", "--grpc-server-key=k.pem",
                        "--grpc-root-cert=r.pem").tls());
    }

    @ParameterizedTest
    @ValueSource(strings = {"--grpc-use-ssl=true", "--grpc-server-cert=c.pem", "--grpc-use-ssl-mutual=true"})
    void halfOfWhatTlsNeedsIsAMistake(String flag) {
        assertTrue(mistake(flag).contains("needs"), mistake(flag));
    }
}
