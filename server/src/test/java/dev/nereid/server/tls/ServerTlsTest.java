package dev.nereid.server.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the log says when the files are looked at. */
class ServerTlsTest {
    private static final Logger LOGGER = Logger.getLogger(ServerTls.class.getName());

    private final List<String> lines = new ArrayList<>();
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            lines.add(entry.getMessage());
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
        }
    };

    @BeforeEach
    void listen() {
        LOGGER.addHandler(handler);
    }

    @AfterEach
    void listenNoMore() {
        LOGGER.removeHandler(handler);
    }

    private long lines(String text) {
        return lines.stream().filter(line -> line.contains(text)).count();
    }

    @Test
    void whatHasNotChangedIsToldOnce(@TempDir Path directory) throws Exception {
        TestCertificates certificates = new TestCertificates(directory);
        certificates.issue("first", "EC");
        Path authorities = Files.copy(certificates.certificate("ca"), directory.resolve("clients.pem"));
        try (ServerTls tls = ServerTls.create("test", new TlsOptions(certificates.certificate("first"),
                certificates.key("first"), Optional.of(authorities)), Duration.ofHours(1))) {
            tls.refreshIfPossible();
            tls.refreshIfPossible();
            assertEquals(1, lines("of CN=first, valid until"), lines::toString);
            assertEquals(1, lines("accepts clients' certificates of 1 authority"), lines::toString);

            Files.copy(certificates.certificate("first"), authorities, StandardCopyOption.REPLACE_EXISTING);
            tls.refreshIfPossible();
            assertEquals(2, lines("accepts clients' certificates of 1 authority"), lines::toString);
            assertEquals(1, lines("of CN=first, valid until"), lines::toString);

            Files.writeString(authorities, "nonsense");
            tls.refreshIfPossible();
            assertTrue(lines.getLast().startsWith("TLS for test keeps its key and certificates: " + authorities),
                    lines.getLast());
        }
    }
}
