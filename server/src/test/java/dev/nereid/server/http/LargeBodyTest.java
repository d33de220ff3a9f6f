package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.nereid.server.http.RawClient.Answer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Large bodies, which go from the socket into off-heap memory and from there to the socket. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LargeBodyTest {
    private static final String INFER = "/v2/models/single/infer";
    private static final int VALUES = 75_001;
    private static final long MIB = 1 << 20;

    private final Random random = new Random(25);
    private TestServer server;

    @BeforeAll
    void start(@TempDir Path directory) {
        server = TestServer.start(directory, "--max-inflight-bytes=" + 100 * MIB);
    }

    @AfterAll
    void stop() {
        server.close();
    }

    @AfterEach
    void holdsNoMemory() {
        assertEquals(0, server.bytesHeld());
    }

    private byte[] tensor(int values) {
        byte[] tensor = new byte[Float.BYTES * values];
        random.nextBytes(tensor);
        return tensor;
    }

    private static byte[] json(int values, String parameters) {
        return ("{\"parameters\":{" + parameters + "},\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + values
                + "],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":" + (long) Float.BYTES * values
                + "}}],\"outputs\":[{\"name\":\"OUTPUT0\",\"parameters\":{\"binary_data\":true}}]}")
                .getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] head(String path, byte[] json, long tensorSize, String... headers) {
        StringBuilder head = new StringBuilder("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: "
                + (json.length + tensorSize) + "\r\nInference-Header-Content-Length: " + json.length + "\r\n");
        for (String header : headers) {
            head.append(header).append("\r\n");
        }
        return head.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    private static byte[] request(String path, byte[] tensor, String parameters, String... headers) {
        byte[] json = json(tensor.length / Float.BYTES, parameters);
        return join(head(path, json, tensor.length, headers), json, tensor);
    }

    private static void assertEchoes(byte[] tensor, Answer answer) {
        assertEquals(200, answer.status(), answer.line());
        assertEquals("application/octet-stream", answer.header("content-type"));
        byte[] body = answer.bytes();
        int json = Integer.parseInt(answer.header("inference-header-content-length"));
        assertArrayEquals(tensor, Arrays.copyOfRange(body, json, body.length));
    }

    private static void assertServes(RawClient client) {
        assertEquals(200, client.send("GET", "/v2/health/live", "").status());
    }

    @ParameterizedTest
    @ValueSource(ints = {100, 8_000, 100_000, 1 << 30})
    void readsABodyInWhateverPiecesItComes(int piece) {
        byte[] tensor = tensor(VALUES);
        byte[] request = request(INFER, tensor, "");
        try (RawClient client = server.connect()) {
            for (int offset = 0; offset < request.length;) {
                // In small pieces what may come together with the head.
                int size = Math.min(request.length - offset, offset < 20_000 ? piece : 1 << 30);
                client.write(Arrays.copyOfRange(request, offset, offset + size));
                offset += size;
            }
            assertEchoes(tensor, client.read());
            assertServes(client);
        }
    }

    @Test
    void keepsRequestsApartThatComeTogether() {
        byte[] first = tensor(VALUES);
        byte[] second = tensor(VALUES / 2);
        byte[] third = tensor(5_000);
        try (RawClient client = server.connect()) {
            client.write(
                    join(request(INFER, first, ""), request(INFER, second, ""), request(INFER, third, "")));

            assertEchoes(first, client.read());
            assertEchoes(second, client.read());
            assertEchoes(third, client.read());
            assertServes(client);
        }
    }

    @Test
    void goesOnWithWhatWasReadAheadWhileARequestWaited() {
        // So small that the head of the second request is read together with it, and what follows ahead.
        byte[] first = tensor(100);
        byte[] second = tensor(VALUES);
        try (RawClient client = server.connect()) {
            client.write(join(request(INFER, first, "\"delay_ms\":400"), request(INFER, second, "")));

            assertEchoes(first, client.read());
            assertEchoes(second, client.read());
            assertServes(client);
        }
    }

    @Test
    void asksForABodyThatWaits() {
        byte[] tensor = tensor(VALUES);
        byte[] json = json(VALUES, "");
        try (RawClient client = server.connect()) {
            client.write(head(INFER, json, tensor.length, "Expect: 100-continue"));
            assertEquals(100, client.read().status());

            assertEchoes(tensor, client.write(json).write(tensor).read());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Connection: close", "Accept-Encoding: gzip", "endpoint-load-metrics-format: json"})
    void answersWithHeadersOfTheirOwnInFull(String header) {
        byte[] tensor = tensor(VALUES);
        try (RawClient client = server.connect()) {
            Answer answer = client.write(request(INFER, tensor, "", header)).read();

            assertEquals(200, answer.status());
            if (!header.contains("gzip")) {
                assertEchoes(tensor, answer);
            }
        }
    }

    @Test
    void passesOverTheRestOfABodyThatItHasNoMemoryFor() {
        int values = (int) (101 * MIB / Float.BYTES);
        byte[] json = json(values, "");
        byte[] part = new byte[1 << 20];
        try (RawClient client = server.connect()) {
            client.write(head(INFER, json, (long) Float.BYTES * values)).write(json);
            for (int i = 0; i < 101; i++) {
                client.write(part);
            }
            Answer answer = client.read();

            assertEquals(503, answer.status());
            assertTrue(answer.body().contains("would pass the bound on bytes in flight"), answer.body());
            assertServes(client);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 100, 8_000, 200_000})
    void givesMemoryBackWhereAClientBreaksOff(int sent) {
        byte[] request = request(INFER, tensor(VALUES), "");
        int head = request.length - Float.BYTES * VALUES;
        try (RawClient client = server.connect()) {
            client.write(Arrays.copyOf(request, head + sent));
            client.shutdownOutput();
            assertTrue(client.isClosedByServer());
        }
    }

    private static String numbers() {
        StringBuilder data = new StringBuilder("[0.5");
        for (int i = 1; i < VALUES; i++) {
            data.append(',').append(i).append(".5");
        }
        return data.append(']').toString();
    }

    private static String jsonRequest(String data, String outputs) {
        return "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[" + VALUES + "],\"datatype\":\"FP32\",\"data\":" + data
                + "}]" + outputs + "}";
    }

    private static String chunked(String body) {
        StringBuilder text = new StringBuilder(
                "POST " + INFER + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < body.length(); i += 100_000) {
            String chunk = body.substring(i, Math.min(body.length(), i + 100_000));
            text.append(Integer.toHexString(chunk.length())).append("\r\n").append(chunk).append("\r\n");
        }
        return text.append("0\r\n\r\n").toString();
    }

    @Test
    void readsAndWritesLargeJson() {
        String data = numbers();
        String request = jsonRequest(data, "");
        try (RawClient client = server.connect()) {
            for (String sent : List.of(RawClient.request("POST", INFER, request), chunked(request))) {
                Answer answer = client.write(sent).read();

                assertEquals(200, answer.status());
                assertEquals("application/json", answer.header("content-type"));
                assertTrue(answer.body().contains("\"data\":" + data + "}"), answer.body().substring(0, 200));
                assertServes(client);
            }
        }
    }

    @Test
    void holdsNoTextOfJsonWhileTheModelExecutes() throws InterruptedException {
        String request = jsonRequest(numbers(), ",\"parameters\":{\"hold\":true}");
        try (RawClient client = server.connect()) {
            for (String sent : List.of(RawClient.request("POST", INFER, request), chunked(request))) {
                client.write(sent);
                server.backend().awaitHeld();
                long held = server.server().engine().buffers().inUseBytes();
                server.backend().release();

                assertEquals(200, client.read().status());
                // The tensor takes half of it, and the text would take another.
                assertTrue(held < MIB, held + " bytes are held");
            }
        }
    }

    @Test
    void saysWhereLargeJsonIsWrong() {
        String request = jsonRequest(numbers().replace("]", ",x]"), "");
        try (RawClient client = server.connect()) {
            for (String sent : List.of(RawClient.request("POST", INFER, request), chunked(request))) {
                Answer answer = client.write(sent).read();

                assertEquals(400, answer.status());
                assertEquals("{\"error\":\"failed to parse the request JSON buffer: Invalid value. at "
                        + request.indexOf('x') + "\"}", answer.body());
                assertServes(client);
            }
        }
    }

    @Test
    void readsATensorBehindLargeJson() {
        byte[] tensor = tensor(VALUES);
        byte[] json = json(VALUES, "\"padding\":\"" + "x".repeat(100_000) + "\"");
        String body = new String(join(json, tensor), StandardCharsets.ISO_8859_1);
        String length = "Inference-Header-Content-Length: " + json.length;
        try (RawClient client = server.connect()) {
            assertEchoes(tensor, client.send("POST", INFER, body, length));
            assertEchoes(tensor, client.write(chunked(body).replaceFirst("\r\n", "\r\n" + length + "\r\n")).read());
            assertServes(client);
        }
    }

    @Test
    void takesAlmostNothingOfTheHeap() throws IOException {
        int values = 1 << 20;
        byte[] json = json(values, "");
        byte[] head = head(INFER, json, (long) Float.BYTES * values);
        ByteBuffer request = ByteBuffer.allocateDirect(head.length + json.length + Float.BYTES * values);
        request.put(head).put(json).clear();

        long each = heapOfARequest(request, (long) Float.BYTES * values);
        // Of 4 MiB, and for whatever else runs in this process.
        assertTrue(each < MIB, each + " bytes of heap for a request");
    }

    @Test
    void largeJsonTakesAlmostNothingOfTheHeap() throws IOException {
        String data = "[" + "1234.5678,".repeat(VALUES - 1) + "1]";
        byte[] sent = RawClient.request("POST", INFER, jsonRequest(data,
                ",\"outputs\":[{\"name\":\"OUTPUT0\",\"parameters\":{\"binary_data\":true}}]"))
                .getBytes(StandardCharsets.US_ASCII);
        ByteBuffer request = ByteBuffer.allocateDirect(sent.length).put(sent).flip();

        long each = heapOfARequest(request, (long) Float.BYTES * VALUES);
        // Of 750 KB, and for whatever else runs in this process.
        assertTrue(each < MIB / 4, each + " bytes of heap for a request");
    }

    private long heapOfARequest(ByteBuffer request, long answerSize) throws IOException {
        ByteBuffer answer = ByteBuffer.allocateDirect(1 << 16);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int rounds = 5;
        long before = 0;
        try (SocketChannel client = SocketChannel
                .open(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()))) {
            for (int i = 0; i <= rounds; i++) {
                if (i == 1) {
                    before = threads.getTotalThreadAllocatedBytes();
                }
                request.rewind();
                while (request.hasRemaining()) {
                    client.write(request);
                }
                // All but some of the last bytes, which come before the next answer.
                for (long left = answerSize; left > 0;) {
                    answer.clear();
                    int size = client.read(answer);
                    assertTrue(size > 0, "the answer broke off");
                    left -= size;
                }
            }
            return (threads.getTotalThreadAllocatedBytes() - before) / rounds;
        }
    }
}
