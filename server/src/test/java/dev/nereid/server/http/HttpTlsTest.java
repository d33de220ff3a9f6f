package dev.nereid.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
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
                "--http-tls-client-ca=" + certificates.certificate("ca"),
                "--metrics-tls-cert=" + certificates.certificate("server"),
                "--metrics-tls-key=" + certificates.key("server"), "--console", "--console-port=0");
                HttpClient client = HttpClient.newBuilder()
                        .sslContext(certificates.forClient(Optional.of("client"))).build()) {
            HttpRequest infer = HttpRequest
                    .newBuilder(URI.create("https://localhost:" + server.port() + "/v2/models/batched/infer"))
                    .timeout(Duration.ofSeconds(60)).POST(BodyPublishers.ofString(TestServer.inferBody(""))).build();
            HttpResponse<String> answer = client.send(infer, BodyHandlers.ofString());
            assertEquals(200, answer.statusCode());
            assertTrue(answer.body().contains("\"data\":[1"), answer::body);

            assertEchoesALargeTensor(client, server.port());

            // Metrics have files of their own, and ask here for no certificate.
            try (RawClient metrics = RawClient.connect(server.metricsPort(),
                    certificates.forClient(Optional.empty()))) {
                String text = metrics.send("GET", "/metrics", "").body();
                double end = Double.parseDouble(text.lines()
                        .filter(line -> line.startsWith("nereid_tls_certificate_expiry{listener=\"http\"}"))
                        .map(line -> line.substring(line.lastIndexOf(' '))).findFirst().orElseThrow());
                assertTrue(end > System.currentTimeMillis() / 1e3 && end < System.currentTimeMillis() / 1e3 + 4e7);
                assertTrue(text.contains("nereid_tls_certificate_expiry{listener=\"metrics\"}"), text);
                assertTrue(text.contains("\nnereid_build_info{build_time=\""), text);
            }
            try (RawClient metrics = RawClient.connect(server.metricsPort())) {
                assertEquals(400, metrics.send("GET", "/metrics", "").status());
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

    private static void assertEchoesALargeTensor(HttpClient client, int port) throws Exception {
        byte[] tensor = new byte[Float.BYTES * 75_001];
        new Random(1).nextBytes(tensor);
        byte[] json = ("{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[75001],\"datatype\":\"FP32\","
                + "\"parameters\":{\"binary_data_size\":" + tensor.length + "}}],"
                + "\"outputs\":[{\"name\":\"OUTPUT0\",\"parameters\":{\"binary_data\":true}}]}").getBytes(UTF_8);
        HttpRequest infer = HttpRequest
                .newBuilder(URI.create("https://localhost:" + port + "/v2/models/single/infer"))
                .header("Inference-Header-Content-Length", Integer.toString(json.length))
                .timeout(Duration.ofSeconds(60))
                .POST(BodyPublishers.concat(BodyPublishers.ofByteArray(json), BodyPublishers.ofByteArray(tensor)))
                .build();
        for (int i = 0; i < 2; i++) {
            byte[] answer = client.send(infer, BodyHandlers.ofByteArray()).body();
            assertArrayEquals(tensor, Arrays.copyOfRange(answer, answer.length - tensor.length, answer.length));
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
