package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.http.RawClient.Answer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Set;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.InflaterInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Chunks, codings and limits of bodies, over a socket. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HttpBodyTest {
    private static final String INFER = "/v2/models/batched/infer";
    private static final String BODY = TestServer.inferBody("");
    private static final String VALUES = "\"data\":[1.0,2.0,3.0,4.0]";
    private static final int LIMIT = 1_000_000;

    private TestServer server;

    @BeforeAll
    void start(@TempDir Path directory) {
        server = TestServer.start(directory, "--http-max-input-size=" + LIMIT);
    }

    @AfterAll
    void stop() {
        server.close();
    }

    @AfterEach
    void holdsNoMemory() {
        assertEquals(0, server.bytesHeld());
    }

    private interface Coder {
        OutputStream over(OutputStream out) throws IOException;
    }

    private static byte[] encode(Coder coder, byte[] plain) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = coder.over(bytes)) {
            out.write(plain);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return bytes.toByteArray();
    }

    private static byte[] gzip(String text) {
        return encode(GZIPOutputStream::new, text.getBytes(StandardCharsets.UTF_8));
    }

    private Answer post(byte[] body, String... headers) {
        return server.post(INFER, new String(body, StandardCharsets.ISO_8859_1), headers);
    }

    private static String chunks(String body, int size) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < body.length(); i += size) {
            String chunk = body.substring(i, Math.min(body.length(), i + size));
            text.append(Integer.toHexString(chunk.length())).append("\r\n").append(chunk).append("\r\n");
        }
        return text.append("0\r\n\r\n").toString();
    }

    private static final String CHUNKED = "POST " + INFER + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 100, 100_000})
    void readsChunks(int size) {
        try (RawClient client = server.connect()) {
            Answer answer = client.write(CHUNKED + "\r\n" + chunks(BODY, size)).read();

            assertEquals(200, answer.status());
            assertTrue(answer.body().contains(VALUES), answer.body());
            assertEquals(200, client.send("GET", "/v2/health/live", "").status());
        }
    }

    @Test
    void readsCompressedChunks() {
        try (RawClient client = server.connect()) {
            String coded = new String(gzip(BODY), StandardCharsets.ISO_8859_1);
            Answer answer = client.write(CHUNKED + "Content-Encoding: gzip\r\n\r\n" + chunks(coded, 5)).read();

            assertEquals(200, answer.status());
            assertTrue(answer.body().contains(VALUES), answer.body());
        }
    }

    @Test
    void countsChunks() {
        String padded = BODY + " ".repeat(65_537 - BODY.length());
        try (RawClient client = server.connect()) {
            String most = padded.substring(0, 65_536);
            assertEquals(200, client.write(CHUNKED + "\r\n" + chunks(most, 1)).read().status());
            Answer tooMany = client.write(CHUNKED + "\r\n" + chunks(padded, 1)).read();

            assertEquals(400, tooMany.status());
            assertEquals("{\"error\":\"Chunked request body exceeds maximum of 65536 non-empty chunks. Send fewer or "
                    + "larger HTTP chunks.\"}", tooMany.body());
            assertTrue(tooMany.endsConnection());
            assertTrue(client.isClosedByServer());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"zz\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "ffffffffffffffff\r\nabc",
        "3;a=b\r\nabc\r\n0\r\n\r\n", "\r\nabc", "3\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\n\r\n"})
    void refusesBrokenChunks(String body) {
        try (RawClient client = server.connect()) {
            Answer answer = client.write(CHUNKED + "\r\n" + body).read();

            assertEquals(400, answer.status());
            assertTrue(answer.body().startsWith("{\"error\":\""), answer.body());
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void refusesAChunkThatWouldFillTheHeap() {
        byte[] block = new byte[1 << 20];
        try (RawClient client = server.connect()) {
            client.write(CHUNKED + "\r\n7fffffff\r\n");
            for (int i = 0; i < 65; i++) {
                client.write(block);
            }
            Answer answer = client.read();

            assertEquals(413, answer.status());
            assertEquals("{\"error\":\"request body or one of its chunks is too large\"}", answer.body());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "deflate"})
    void inflatesRequests(String coding) {
        Answer gzip = post(gzip(BODY), "Content-Encoding: " + coding);
        Answer zlib = post(encode(DeflaterOutputStream::new, BODY.getBytes(StandardCharsets.UTF_8)),
                "Content-Encoding: " + coding);

        assertTrue(gzip.body().contains(VALUES), gzip.body());
        assertTrue(zlib.body().contains(VALUES), zlib.body());
    }

    @Test
    void stopsInflatingAtTheLimit() {
        byte[] bomb = encode(GZIPOutputStream::new, new byte[50_000_000]);
        Answer answer = post(bomb, "Content-Encoding: gzip");

        assertEquals(400, answer.status());
        assertEquals("{\"error\":\"Decompressed data size exceeds the maximum allowed value of " + LIMIT
                + " bytes. Use --http-max-input-size to increase the limit.\"}", answer.body());
    }

    @Test
    void refusesCorruptData() {
        byte[] gzip = gzip(BODY);
        byte[] flipped = gzip.clone();
        flipped[flipped.length / 2] ^= 0x55;

        for (byte[] broken : new byte[][]{flipped, Arrays.copyOf(gzip, gzip.length / 2), {1, 2, 3, 4}, {31},
            {31, (byte) 139}}) {
            Answer answer = post(broken, "Content-Encoding: gzip");
            assertEquals(400, answer.status(), answer.body());
            assertEquals("{\"error\":\"encountered inconsistent stream state during decompression\"}", answer.body());
        }
        assertEquals("{\"error\":\"nothing to be decompressed\"}",
                post(new byte[0], "Content-Encoding: gzip").body());
    }

    @Test
    void refusesOtherCodings() {
        Answer answer = server.post(INFER, BODY, "Content-Encoding: br");

        assertEquals(501, answer.status());
        assertEquals("{\"error\":\"Unsupported compression type\"}", answer.body());
        assertEquals("gzip, deflate", answer.header("accept-encoding"));
        assertEquals("text/plain", answer.header("content-type"));
    }

    @Test
    void deflatesAnswersAsTheClientPrefers() throws IOException {
        Answer gzip = server.post(INFER, BODY, "Accept-Encoding: deflate;q=0.5, gzip");
        Answer zlib = server.post(INFER, BODY, "Accept-Encoding: deflate, gzip");
        Answer plain = server.post(INFER, BODY, "Accept-Encoding: br, *");

        assertEquals("gzip", gzip.header("content-encoding"));
        assertEquals("deflate", zlib.header("content-encoding"));
        assertEquals("", plain.header("content-encoding"));
        byte[] expected = plain.bytes();
        assertArrayEquals(expected, new GZIPInputStream(new ByteArrayInputStream(gzip.bytes())).readAllBytes());
        assertArrayEquals(expected, new InflaterInputStream(new ByteArrayInputStream(zlib.bytes())).readAllBytes());
    }

    @Test
    void limitsTheJsonPartButNotTensors() {
        String tooLong = BODY + " ".repeat(LIMIT);
        Answer json = server.post(INFER, tooLong);
        String head = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[500000],\"datatype\":\"FP32\",\"parameters\":"
                + "{\"binary_data_size\":2000000}}],\"outputs\":[{\"name\":\"OUTPUT0\",\"parameters\":"
                + "{\"binary_data\":true}}]}";
        Answer binary = server.post("/v2/models/single/infer", head + "\0".repeat(2_000_000),
                "Inference-Header-Content-Length: " + head.length());

        assertEquals(400, json.status());
        assertEquals("{\"error\":\"request JSON size of " + tooLong.length()
                + " bytes exceeds the maximum allowed input size of " + LIMIT
                + " bytes. Use --http-max-input-size to increase the limit.\"}", json.body());
        assertEquals(200, binary.status());
        int jsonLength = Integer.parseInt(binary.header("inference-header-content-length"));
        assertEquals(2_000_000, binary.bytes().length - jsonLength);
    }

    @Test
    void survivesBodiesThatEndEarly() {
        for (String head : new String[]{"Content-Length: 5000\r\n\r\n" + BODY,
            "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
            "Content-Encoding: gzip\r\nContent-Length: 5000\r\n\r\nabc"}) {
            try (RawClient client = server.connect()) {
                client.write("POST " + INFER + " HTTP/1.1\r\nHost: a\r\n" + head);
                client.shutdownOutput();
                assertTrue(client.isClosedByServer() || server.get("/v2/health/live").status() == 200);
            }
        }
        assertEquals(200, server.post(INFER, BODY).status());
    }

    @Test
    void survivesClientsThatLeaveWhileTheySend() {
        for (int i = 0; i < 20; i++) {
            try (RawClient client = server.connect()) {
                client.write("POST " + INFER + " HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + BODY);
                client.reset();
            }
        }
        assertEquals(200, server.post(INFER, BODY).status());
    }

    @Test
    void namesTheModelsInputInErrorsAboutARawBody() {
        Answer answer = server.post("/v2/models/batched/infer", "12345678", "Inference-Header-Content-Length: 0");

        assertEquals(400, answer.status());
        assertTrue(answer.body().contains("input byte size mismatch for input 'INPUT0'"), answer.body());
    }

    @Test
    void survivesClientsThatLeaveWhileTheyReceive() {
        String head = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[4000000],\"datatype\":\"FP32\",\"parameters\":"
                + "{\"binary_data_size\":16000000}}],\"parameters\":{\"binary_data_output\":true}}";
        String request = RawClient.request("POST", "/v2/models/single/infer", head + "\0".repeat(16_000_000),
                "Inference-Header-Content-Length: " + head.length());
        for (int i = 0; i < 5; i++) {
            try (RawClient client = server.connect()) {
                client.write(request);
                client.reset();
            }
        }
        assertEquals(200, server.post(INFER, BODY).status());
    }

    /** A request for the answer as bytes, with as many elements, each of them different. */
    private static String binaryRequest(int elements, String... headers) {
        String head = "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + elements
                + "],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":" + 4 * elements
                + "}}],\"parameters\":{\"binary_data_output\":true}}";
        String[] all = Arrays.copyOf(headers, headers.length + 1);
        all[headers.length] = "Inference-Header-Content-Length: " + head.length();
        return RawClient.request("POST", "/v2/models/single/infer", head + tensor(elements), all);
    }

    private static String tensor(int elements) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * elements);
        for (int i = 0; i < elements; i++) {
            bytes.putInt(i);
        }
        return new String(bytes.array(), StandardCharsets.ISO_8859_1);
    }

    private static String binaryAnswer(int elements) {
        return "{\"model_name\":\"single\",\"model_version\":\"1\",\"outputs\":[{\"name\":\"OUTPUT0\",\"datatype\":"
                + "\"FP32\",\"shape\":[" + elements + "],\"parameters\":{\"binary_data_size\":" + 4 * elements + "}}]}"
                + tensor(elements);
    }

    @Test
    void tellsTypeAndLengthsOfAnAnswer() {
        try (RawClient client = server.connect()) {
            Answer binary = client.write(binaryRequest(4)).read();
            Answer json = client.send("POST", INFER, BODY);

            assertEquals("HTTP/1.1 200 OK", binary.line());
            assertEquals(binaryAnswer(4), binary.content());
            assertEquals(Set.of("date", "content-type", "content-length", "inference-header-content-length"),
                    binary.headers().keySet());
            assertEquals("application/octet-stream", binary.header("content-type"));
            assertEquals(Integer.toString(binaryAnswer(4).length() - 16),
                    binary.header("inference-header-content-length"));
            assertEquals(Set.of("date", "content-type", "content-length"), json.headers().keySet());
            assertEquals("application/json", json.header("content-type"));
            Instant date = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(json.header("date")));
            assertTrue(Duration.between(date, Instant.now()).abs().toMinutes() < 5, date.toString());
        }
    }

    @Test
    void answersTheSameWhateverTheSize() {
        try (RawClient client = server.connect()) {
            // Across the size up to which an answer is written in one piece.
            for (int elements = 3900; elements < 4200; elements++) {
                assertEquals(binaryAnswer(elements), client.write(binaryRequest(elements)).read().content());
            }
        }
    }

    @Test
    void endsTheConnectionWithTheAnswerWhereItIsAskedTo() {
        try (RawClient client = server.connect()) {
            Answer last = client.write(binaryRequest(4, "Connection: close")).read();

            assertEquals(binaryAnswer(4), last.content());
            assertEquals("application/octet-stream", last.header("content-type"));
            assertEquals(Integer.toString(binaryAnswer(4).length() - 16),
                    last.header("inference-header-content-length"));
            assertTrue(last.endsConnection());
            assertTrue(client.isClosedByServer());
        }
    }

    @Test
    void answersOnTheSameConnectionAfterItAskedForTheBody() {
        String request = binaryRequest(4, "Expect: 100-continue");
        int body = request.indexOf("\r\n\r\n") + 4;
        try (RawClient client = server.connect()) {
            int interim = client.write(request.substring(0, body)).read().status();
            Answer answer = client.write(request.substring(body)).read();

            assertEquals(100, interim);
            assertEquals(binaryAnswer(4), answer.content());
            assertEquals(binaryAnswer(5), client.write(binaryRequest(5)).read().content());
        }
    }
}
