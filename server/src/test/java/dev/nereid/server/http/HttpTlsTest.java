package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.StartException;
import dev.nereid.server.tls.TestCertificates;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The whole server with TLS. */
@Timeout(120)
class HttpTlsTest {
    @TempDir
    private Path directory;

    @Test
    void servesInferenceToClientsWithACertificate() throws Exception {
        TestCertificates certificates = new TestCertificates(directory.resolve("issued"));
        certificates.issue("server", "EC");
        certificates.issue("client", "EC");
        try (TestServer server = TestServer.start(directory.resolve("server"),
                "--http-tls-cert=" + certificates.certificate("server"),
                "--http-tls-key=" + certificates.key("server"),
                "--http-tls-client-ca=" + certificates.certificate("ca"), "--console", "--console-port=0");
                HttpClient client = HttpClient.newBuilder()
                        .sslContext(certificates.forClient(Optional.of("client"))).build()) {
            HttpRequest infer = HttpRequest
                    .newBuilder(URI.create("https://localhost:" + server.port() + "/v2/models/batched/infer"))
                    .timeout(Duration.ofSeconds(60)).POST(BodyPublishers.ofString(TestServer.inferBody(""))).build();
            HttpResponse<String> answer = client.send(infer, BodyHandlers.ofString());
            assertEquals(200, answer.statusCode());
            assertTrue(answer.body().contains("\"data\":[1"), answer::body);

            // Metrics stay without TLS.
            try (RawClient metrics = RawClient.connect(server.metricsPort())) {
                assertEquals(200, metrics.send("GET", "/metrics", "").status());
            }
            assertEquals(400, server.get("/v2/health/live").status());

            // The console is not the way around certificates.
            HttpRequest page = HttpRequest.newBuilder(URI.create("https://localhost:" + server.consolePort() + "/"))
                    .timeout(Duration.ofSeconds(60)).build();
            assertEquals(200, client.send(page, BodyHandlers.ofString()).statusCode());
            try (HttpClient stranger = HttpClient.newBuilder().sslContext(certificates.forClient(Optional.empty()))
                    .build()) {
                assertThrows(IOException.class, () -> stranger.send(page, BodyHandlers.ofString()));
            }
        }
    }

    @Test
    void doesNotStartWithoutAKeyThatFits() throws Exception {
        TestCertificates certificates = new TestCertificates(directory.resolve("issued"));
        certificates.issue("a", "EC");
        certificates.issue("b", "EC");
        assertEquals(
                certificates.key("b") + " is not the key of " + certificates.certificate("a")
                        + ": they are not of one pair",
                assertThrows(StartException.class,
                        () -> TestServer.start(directory.resolve("server"),
                                "--http-tls-cert=" + certificates.certificate("a"),
                                "--http-tls-key=" + certificates.key("b")))
                        .getMessage());
    }
}
