package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.gpu.FakeGpuDriver;
import dev.nereid.server.http.RawClient.Answer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** A server with two GPUs, which lie in host memory. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GpuServerTest {
    private static final String CUDA = "/v2/cudasharedmemory";
    private static final String SYSTEM = "/v2/systemsharedmemory";
    private static final String INFER = "/v2/models/batched/infer";

    private final FakeGpuDriver driver = new FakeGpuDriver().with(8, 0).with(9, 0);
    private TestServer server;

    @BeforeAll
    void start(@TempDir Path directory) throws IOException {
        model(directory, "one_gpu", "{ kind: KIND_GPU gpus: [ 1 ] count: 2 }");
        model(directory, "auto_missing", "{ kind: KIND_AUTO gpus: [ 7 ] }");
        model(directory, "no_such_gpu", "{ name: \"g\" kind: KIND_GPU gpus: [ 7 ] }");
        server = TestServer.start(directory, driver, "--allow-client-shm=true", "--exit-on-error=false",
                "--pinned-memory-pool-byte-size=4096", "--metrics-interval-ms=3600000");
    }

    @AfterAll
    void stop() {
        server.close();
        assertTrue(driver.isClosed());
    }

    private static void model(Path directory, String name, String group) throws IOException {
        Path model = directory.resolve("models").resolve(name);
        Files.createDirectories(model.resolve("1"));
        Files.writeString(model.resolve("config.pbtxt"), """
                backend: "echo"
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] }]
                instance_group [ %s ]
                """.formatted(group));
    }

    private String groups(String model) {
        String config = server.get("/v2/models/" + model + "/config").body();
        int start = config.indexOf("\"instance_group\"");
        return config.substring(start, config.indexOf("\"secondary_devices\"", start));
    }

    private Answer register(String region, byte number, long device, long size) {
        return server.post(CUDA + "/region/" + region + "/register", "{\"raw_handle\":{\"b64\":\""
                + Base64.getEncoder().encodeToString(FakeGpuDriver.handle(number)) + "\"},\"device_id\":" + device
                + ",\"byte_size\":" + size + "}");
    }

    private static String infer(String input, String output) {
        return "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,4],\"datatype\":\"FP32\"," + input
                + "}],\"outputs\":[{\"name\":\"OUTPUT0\"" + output + "}]}";
    }

    private static String region(String name, long offset, long size) {
        return "\"parameters\":{\"shared_memory_region\":\"" + name + "\",\"shared_memory_offset\":" + offset
                + ",\"shared_memory_byte_size\":" + size + "}";
    }

    @Test
    void placesInstancesOnGpus() {
        assertEquals("\"instance_group\":[{\"name\":\"batched\",\"kind\":\"KIND_GPU\",\"count\":1,\"gpus\":[0,1],",
                groups("batched"));
        assertEquals("\"instance_group\":[{\"name\":\"one_gpu_0\",\"kind\":\"KIND_GPU\",\"count\":2,\"gpus\":[1],",
                groups("one_gpu"));
        assertEquals("\"instance_group\":[{\"name\":\"single_0\",\"kind\":\"KIND_CPU\",\"count\":1,\"gpus\":[],",
                groups("single"));
    }

    @Test
    void saysWhichGpusThereAre() {
        String index = server.post("/v2/repository/index", "").body();

        assertTrue(
                index.contains("instance group g of model no_such_gpu specifies invalid or unsupported gpu id 7. GPUs "
                        + "with at least the minimum required CUDA compute compatibility of 7.5 are: 0, 1"),
                index);
        assertTrue(index.contains("instance group auto_missing_0 of model auto_missing has kind KIND_CPU but specifies "
                + "one or more GPUs"), index);
    }

    @Test
    void readsAndWritesGpuMemoryOfClients() {
        MemorySegment memory = driver.share((byte) 1, 64);
        for (int i = 0; i < 4; i++) {
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, 10 * (i + 1));
        }
        assertEquals(200, register("c", (byte) 1, 1, 64).status());

        Answer read = server.post(INFER, infer(region("c", 0, 16), ""));
        Answer written = server.post(INFER, infer(region("c", 0, 16), "," + region("c", 32, 16)));

        assertTrue(read.body().contains("\"data\":[10.0,20.0,30.0,40.0]"), read.body());
        assertTrue(written.body().endsWith(
                "\"outputs\":[{\"name\":\"OUTPUT0\",\"datatype\":\"FP32\",\"shape\":[1,4]}]}"), written.body());
        assertEquals(-1, memory.asSlice(0, 16).mismatch(memory.asSlice(32, 16)));
        String shown = "[{\"name\":\"c\",\"device_id\":1,\"byte_size\":64}]";
        assertEquals(shown, server.get(CUDA + "/status").body());
        assertEquals(shown, server.get(CUDA + "/region/c/status").body());
        assertEquals(
                "{\"error\":\"The region named 'c' is registered as CUDA shared memory, not system shared memory\"}",
                server.get(SYSTEM + "/region/c/status").body());
        assertEquals("{\"error\":\"shared memory region 'c' already in manager\"}",
                register("c", (byte) 1, 1, 64).body());
        assertEquals("{\"error\":\"Invalid offset + byte size for shared memory region: 'c'\"}",
                server.post(INFER, infer(region("c", 56, 16), "")).body());

        // and
        assertEquals(200, server.post(SYSTEM + "/region/c/unregister", "").status());
        assertEquals(1, driver.openHandles(), "that was the other kind");
        assertEquals(200, server.post(CUDA + "/region/c/unregister", "").status());
        assertEquals(0, driver.openHandles());
        assertEquals("[]", server.get(CUDA + "/status").body());
    }

    @Test
    void keepsARegionOpenWhileARequestUsesIt() throws InterruptedException {
        var _ = driver.share((byte) 2, 64);
        assertEquals(200, register("busy", (byte) 2, 0, 64).status());
        try (RawClient client = server.connect()) {
            client.write(RawClient.request("POST", INFER, "{\"parameters\":{\"hold\":true},"
                    + infer(region("busy", 0, 16), "," + region("busy", 16, 16)).substring(1)));
            server.backend().awaitHeld();

            assertEquals(200, server.post(CUDA + "/unregister", "").status());
            assertEquals(1, driver.openHandles());
            // As in the reference, a request that comes meanwhile finds it as well.
            assertEquals(200, server.post(INFER, infer(region("busy", 0, 16), "")).status());
            assertEquals(1, driver.openHandles());
            server.backend().release();
            assertEquals(200, client.read().status());
        }
        assertEquals(0, driver.openHandles());
    }

    @Test
    void refusesWhatCannotBeRegistered() {
        var _ = driver.share((byte) 3, 64);

        assertEquals("{\"error\":\"failed to register CUDA shared memory region 'x': failed to open CUDA IPC handle: "
                + "invalid argument\"}", register("x", (byte) 9, 0, 64).body());
        assertEquals("{\"error\":\"failed to register shared memory region 'x': invalid args\"}",
                register("x", (byte) 3, 0, 65).body());
        assertEquals("{\"error\":\"failed to register shared memory region 'x': invalid args\"}",
                register("x", (byte) 3, 0, 0).body());
        assertEquals("{\"error\":\"failed to register CUDA shared memory region 'x': there is no GPU 2, the GPUs are "
                + "[0, 1]\"}", register("x", (byte) 3, 2, 64).body());
        for (String encoded : new String[]{"AAAA", "?", ""}) {
            Answer answer = server.post(CUDA + "/region/x/register",
                    "{\"raw_handle\":{\"b64\":\"" + encoded + "\"},\"device_id\":0,\"byte_size\":8}");
            assertEquals(400, answer.status());
            assertEquals("{\"error\":\"'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t\"}",
                    answer.body());
        }
        assertEquals(0, driver.openHandles(), "what was opened is closed again");
    }

    @Test
    void showsMetricsOfGpus() {
        String text;
        try (RawClient client = RawClient.connect(server.metricsPort())) {
            text = client.send("GET", "/metrics", "").body();
        }

        assertTrue(text.contains("""
                # HELP nv_pinned_memory_pool_total_bytes Pinned memory pool total memory size, in bytes
                # TYPE nv_pinned_memory_pool_total_bytes gauge
                nv_pinned_memory_pool_total_bytes 4096
                # HELP nv_pinned_memory_pool_used_bytes Pinned memory pool used memory size, in bytes
                # TYPE nv_pinned_memory_pool_used_bytes gauge
                nv_pinned_memory_pool_used_bytes 0
                """), text);
        assertEquals("""
                # HELP nv_gpu_utilization GPU utilization rate [0.0 - 1.0)
                # TYPE nv_gpu_utilization gauge
                nv_gpu_utilization{gpu_uuid="GPU-00000000"} 0.25
                nv_gpu_utilization{gpu_uuid="GPU-00000001"} 0.25
                # HELP nv_gpu_memory_total_bytes GPU total memory, in bytes
                # TYPE nv_gpu_memory_total_bytes gauge
                nv_gpu_memory_total_bytes{gpu_uuid="GPU-00000000"} 8000000000
                nv_gpu_memory_total_bytes{gpu_uuid="GPU-00000001"} 8000000000
                # HELP nv_gpu_memory_used_bytes GPU used memory, in bytes
                # TYPE nv_gpu_memory_used_bytes gauge
                nv_gpu_memory_used_bytes{gpu_uuid="GPU-00000000"} 2000000000
                nv_gpu_memory_used_bytes{gpu_uuid="GPU-00000001"} 2000000000
                # HELP nv_gpu_power_usage GPU power usage in watts
                # TYPE nv_gpu_power_usage gauge
                nv_gpu_power_usage{gpu_uuid="GPU-00000000"} 71.5
                nv_gpu_power_usage{gpu_uuid="GPU-00000001"} 71.5
                # HELP nv_gpu_power_limit GPU power management limit in watts
                # TYPE nv_gpu_power_limit gauge
                nv_gpu_power_limit{gpu_uuid="GPU-00000000"} 300
                nv_gpu_power_limit{gpu_uuid="GPU-00000001"} 300
                # HELP nv_energy_consumption GPU energy consumption in joules since the Triton Server started
                # TYPE nv_energy_consumption counter
                nv_energy_consumption{gpu_uuid="GPU-00000000"} 0
                nv_energy_consumption{gpu_uuid="GPU-00000001"} 0
                """, text.lines().filter(line -> line.contains("nv_gpu") || line.contains("nv_energy"))
                .collect(Collectors.joining("\n", "", "\n")));
        assertTrue(text.contains(
                "nv_inference_count{gpu_uuid=\"GPU-00000001\",model=\"one_gpu\",version=\"1\"} 0\n"), text);
        assertTrue(text.contains("nv_inference_count{model=\"single\",version=\"1\"} "), text);
        assertTrue(text.contains("nv_inference_pending_request_count{model=\"one_gpu\",version=\"1\"} 0\n"), text);
    }

    @Test
    void hasNoGpuMetricsWhereTheyAreSwitchedOff(@TempDir Path directory) {
        try (TestServer off = TestServer.start(directory, new FakeGpuDriver().with(8, 0), "--allow-gpu-metrics=false");
                RawClient client = RawClient.connect(off.metricsPort())) {
            assertFalse(client.send("GET", "/metrics", "").body().contains("nv_gpu"));
        }
    }
}
