package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.server.tls.TlsOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HttpFlagsTest {
    @TempDir
    private Path repository;

    private Optional<TlsOptions> tls(String... flags) {
        List<String> arguments = new ArrayList<>(List.of("--model-repository=" + repository));
        arguments.addAll(List.of(flags));
        return CommandLine.parse(arguments, Map.of()).options(Path.of("backends")).http().tls();
    }

    @Test
    void metricsHaveFilesOfTheirOwn() {
        assertEquals(Optional.of(new TlsOptions(Path.of("c.pem"), Path.of("k.pem"), Optional.of(Path.of("r.pem")))),
                CommandLine.parse(List.of("--model-repository=" + repository, "--metrics-tls-cert=c.pem",
                        "--metrics-tls-key=k.pem", "--metrics-tls-client-ca=r.pem"), Map.of())
                        .options(Path.of("backends")).metrics().tls());
        assertEquals(Optional.empty(), tls("--metrics-tls-cert=c.pem", "--metrics-tls-key=k.pem"));
    }

    @Test
    void flagsNameKeyAndCertificates() {
        assertEquals(Optional.empty(), tls());
        assertEquals(Optional.of(new TlsOptions(Path.of("c.pem"), Path.of("k.pem"), Optional.empty())),
                tls("--http-tls-cert=c.pem", "--http-tls-key=k.pem"));
        assertEquals(Optional.of(new TlsOptions(Path.of("c.pem"), Path.of("k.pem"), Optional.of(Path.of("r.pem")))),
                tls("--http-tls-cert=c.pem", "--http-tls-key=k.pem", "--http-tls-client-ca=r.pem"));
    }

    @ParameterizedTest
    @CsvSource({"--http-tls-cert=c.pem, --http-tls-cert needs --http-tls-key",
        "--http-tls-key=k.pem, --http-tls-key needs --http-tls-cert",
        "--http-tls-client-ca=r.pem, --http-tls-client-ca needs --http-tls-cert"})
    void halfOfWhatTlsNeedsIsAMistake(String flag, String text) {
        assertEquals(text, assertThrows(UsageException.class, () -> tls(flag)).getMessage());
    }
}
