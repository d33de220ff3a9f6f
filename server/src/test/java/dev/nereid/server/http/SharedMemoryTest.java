package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.server.http.RawClient.Answer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Shared memory in requests, with a real shared memory object. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SharedMemoryTest {
    private static final String SYSTEM = "/v2/systemsharedmemory";
    private static final String CUDA = "/v2/cudasharedmemory";
    private static final String INFER = "/v2/models/batched/infer";
    private static final int SIZE = 8192;

    private TestServer server;
    private Path object;

    @BeforeAll
    void start(@TempDir Path directory) {
        assumeTrue(Files.isDirectory(ClientSharedMemory.DIRECTORY), "this system has no POSIX shared memory");
        server = TestServer.start(directory, "--allow-client-shm=true");
    }

    @AfterAll
    void stop() {
        server.close();
    }

    @BeforeEach
    void makeObject() throws IOException {
        object = ClientSharedMemory.DIRECTORY.resolve("nereid-test-" + UUID.randomUUID());
        ByteBuffer content = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
        content.putFloat(10).putFloat(20).putFloat(30).putFloat(40);
        Files.write(object, content.array());
        Answer answer = server.post(SYSTEM + "/region/r/register",
                "{\"key\":\"/" + object.getFileName() + "\",\"byte_size\":" + SIZE + "}");
        assertEquals(200, answer.status(), answer.body());
    }

    @AfterEach
    void removeObject() throws IOException {
        assertEquals(200, server.post(SYSTEM + "/unregister", "").status());
        assertEquals("[]", server.get(SYSTEM + "/status").body());
        assertEquals(0, server.bytesHeld());
        Files.delete(object);
    }

    private static String infer(String input, String output) {
        return "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,4],\"datatype\":\"FP32\"," + input
                + "}],\"outputs\":[{\"name\":\"OUTPUT0\"" + output + "}]}";
    }

    private static String region(long offset, long size) {
        return "\"parameters\":{\"shared_memory_region\":\"r\",\"shared_memory_offset\":" + offset
                + ",\"shared_memory_byte_size\":" + size + "}";
    }

    @Test
    void showsRegions() {
        String shown = "[{\"name\":\"r\",\"key\":\"/" + object.getFileName() + "\",\"offset\":0,\"byte_size\":" + SIZE
                + "}]";
        assertEquals(shown, server.get(SYSTEM + "/status").body());
        assertEquals(shown, server.get(SYSTEM + "/region/r/status").body());
        assertEquals(404, server.get(SYSTEM + "/region/x/status").status());
        assertEquals("[]", server.get(CUDA + "/status").body());
        assertEquals("{\"error\":\"The region named 'r' is registered as system shared memory, not CUDA shared "
                + "memory\"}", server.get(CUDA + "/region/r/status").body());
        assertEquals("{\"error\":\"Unable to find cuda shared memory region: 'x'\"}",
                server.get(CUDA + "/region/x/status").body());
    }

    @Test
    void readsInputsAndWritesOutputs() throws IOException {
        Answer read = server.post(INFER, infer(region(0, 16), ""));
        Answer written = server.post(INFER, infer(region(0, 16), "," + region(32, 16)));

        assertTrue(read.body().contains("\"data\":[10.0,20.0,30.0,40.0]"), read.body());
        assertTrue(written.body().endsWith(
                "\"outputs\":[{\"name\":\"OUTPUT0\",\"datatype\":\"FP32\",\"shape\":[1,4]}]}"), written.body());
        byte[] content = Files.readAllBytes(object);
        assertArrayEquals(Arrays.copyOfRange(content, 0, 16), Arrays.copyOfRange(content, 32, 48));
    }

    @Test
    void refusesPartsThatDoNotFit() {
        assertEquals("{\"error\":\"Invalid offset for shared memory region: 'r'\"}",
                server.post(INFER, infer(region(SIZE, 16), "")).body());
        assertEquals("{\"error\":\"Invalid offset + byte size for shared memory region: 'r'\"}",
                server.post(INFER, infer(region(SIZE - 8, 16), "")).body());
        Answer overflow = server.post(INFER, infer(region(0, 16).replace("offset\":0", "offset\":32")
                .replace("size\":16", "size\":18446744073709551584"), ""));
        assertEquals(400, overflow.status());
        assertEquals("{\"error\":\"Integer overflow detected: byte_size (18446744073709551584) + offset (32) exceeds "
                + "maximum value (18446744073709551615) for region 'r'\"}", overflow.body());
        assertTrue(server.post(INFER, infer(region(0, 12), "")).body()
                .contains("input byte size mismatch for input 'INPUT0' for model 'batched'. Expected 16, got 12"));
        Answer small = server.post(INFER, infer(region(0, 16), "," + region(0, 8)));
        assertEquals(500, small.status());
        assertEquals("{\"error\":\"shared memory size specified with the request for output 'OUTPUT0' (8 bytes) "
                + "should be at least 16 bytes to hold the results\"}", small.body());
    }

    @Test
    void survivesAnObjectThatShrinks() throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(object.toFile(), "rw")) {
            file.setLength(0);
        }
        for (int i = 0; i < 3; i++) {
            Answer read = server.post(INFER, infer(region(0, 16), ""));
            assertEquals(400, read.status(), read.body());
            assertEquals("{\"error\":\"shared memory is smaller than it was when it was registered\"}", read.body());
            Answer written = server.post(INFER, infer("\"data\":[1,2,3,4]", "," + region(4096, 16)));
            assertEquals(400, written.status(), written.body());
        }
    }

    @Test
    void unregistersWhileARequestUsesIt() throws InterruptedException {
        try (RawClient client = server.connect()) {
            client.write(RawClient.request("POST", INFER, "{\"parameters\":{\"hold\":true},"
                    + infer(region(0, 16), "," + region(64, 16)).substring(1)));
            server.backend().awaitHeld();

            assertEquals(200, server.post(SYSTEM + "/region/r/unregister", "").status());
            try (RawClient other = server.connect()) {
                // As in the reference, a request that comes meanwhile finds it as well.
                other.write(RawClient.request("POST", "/v2/models/single/infer",
                        "{\"parameters\":{\"hold\":true},"
                                + infer(region(0, 16), "").replace("[1,4]", "[4]").substring(1)));
                server.backend().awaitHeld();
                server.backend().release();
                server.backend().release();
                assertEquals(200, client.read().status());
                assertEquals(200, other.read().status());
            }
        }
        assertEquals("[]", server.get(SYSTEM + "/status").body());
    }

    @Test
    void hasNoCudaMemory() {
        String handle = "\"raw_handle\":{\"b64\":\"AAAA\"}";
        assertEquals("{\"error\":\"failed to register CUDA shared memory region: 'c', GPUs not supported\"}",
                server.post(CUDA + "/region/c/register", "{" + handle + ",\"device_id\":0,\"byte_size\":8}").body());
        assertEquals("{\"error\":\"Shared memory register request has no 'raw_handle' field\"}",
                server.post(CUDA + "/region/c/register", "{\"byte_size\":8}").body());
        assertEquals("{\"error\":\"'region name' is necessary to register cuda shared memory region\"}",
                server.post(CUDA + "/register", "{}").body());
        assertEquals(200, server.post(CUDA + "/region/c/unregister", "").status());
        assertEquals(200, server.get(SYSTEM + "/region/r/status").status());
    }

    @Test
    void isOffByDefault(@TempDir Path directory) {
        try (TestServer off = TestServer.start(directory)) {
            for (String path : new String[]{SYSTEM + "/region/r/register", SYSTEM + "/unregister",
                CUDA + "/region/r/register", CUDA + "/region/r/unregister"}) {
                Answer answer = off.post(path, "{}");
                assertEquals(501, answer.status());
                assertEquals("{\"error\":\"Client shared memory is disabled. Start the server with "
                        + "'--allow-client-shm=true' to enable.\"}", answer.body());
            }
            assertEquals("[]", off.get(SYSTEM + "/status").body());
            assertEquals("{\"error\":\"Unable to find shared memory region: 'r'\"}",
                    off.post(INFER, infer(region(0, 16), "")).body());
        }
    }
}
