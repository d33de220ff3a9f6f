package dev.nereid.server.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PemFilesTest {
    @TempDir
    private Path directory;

    private static String refused(TlsOptions options) {
        return String.valueOf(assertThrows(TlsException.class,
                () -> ServerTls.create("test", options, Duration.ofHours(1)).close()).getMessage());
    }

    @Test
    void aMissingFileIsNamed() {
        Path missing = directory.resolve("missing.crt");
        assertTrue(refused(new TlsOptions(missing, missing, Optional.empty())).startsWith(missing + " can't be read"));
    }

    @ParameterizedTest
    @CsvSource({"RSA PRIVATE KEY, in an old format", "EC PRIVATE KEY, in an old format",
        "ENCRYPTED PRIVATE KEY, holds an encrypted private key"})
    void aKeyInAnotherFormatIsToldWithTheCommandThatConvertsIt(String header, String reason) throws Exception {
        TestCertificates certificates = new TestCertificates(directory);
        certificates.issue("a", "EC");
        Path key = Files.writeString(directory.resolve("old.key"),
                "-----BEGIN " + header + "-----\nAAAA\n-----END " + header + "-----\n");
        String message = refused(new TlsOptions(certificates.certificate("a"), key, Optional.empty()));
        assertTrue(message.contains(reason), message);
        assertTrue(message.contains("'openssl pkcs8 -topk8 -nocrypt -in old.key -out key.pem'"), message);
    }

    @Test
    void aKeyOfAnotherCertificateIsRefused() throws Exception {
        TestCertificates certificates = new TestCertificates(directory);
        certificates.issue("a", "RSA");
        certificates.issue("b", "RSA");
        certificates.issue("c", "EC");
        assertEquals(certificates.key("b") + " is not the key of " + certificates.certificate("a")
                + ": they are not of one pair",
                refused(new TlsOptions(certificates.certificate("a"), certificates.key("b"), Optional.empty())));
        assertTrue(refused(new TlsOptions(certificates.certificate("a"), certificates.key("c"), Optional.empty()))
                .endsWith("key EC, certificate for RSA"));
    }

    @Test
    void aFileThatIsTooLargeIsRefused() throws Exception {
        Path large = directory.resolve("large.crt");
        try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
            file.setLength((4 << 20) + 1);
        }
        assertEquals(large + " has more than 4194304 bytes, expected a PEM file",
                refused(new TlsOptions(large, large, Optional.empty())));
    }

    @Test
    void aFileWithoutACertificateIsRefused() throws IOException {
        Path empty = Files.writeString(directory.resolve("empty.crt"), "");
        assertTrue(refused(new TlsOptions(empty, empty, Optional.empty())).contains("holds no certificate"));
    }
}
