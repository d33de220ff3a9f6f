package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.tools.samples.SampleRepository;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.EnumSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A client's GPU memory as inputs and outputs of requests. It needs the driver alone. */
@Tag("gpu")
class CudaSharedMemoryIT {
    private static final String REGIONS = "/v2/cudasharedmemory/";
    private static final String INFER = "/v2/models/identity_fp32/infer";
    private static final long SIZE = 64;

    @TempDir
    Path repository;

    @BeforeAll
    static void needsAGpu() {
        ClientGpu.require();
    }

    private static String register(ClientGpu.Memory memory, long byteSize) {
        return "{\"raw_handle\":{\"b64\":\"" + memory.handle() + "\"},\"device_id\":0,\"byte_size\":" + byteSize + "}";
    }

    private static String infer(long inputOffset, String output) {
        return "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[1,4],\"datatype\":\"FP32\"," + region(inputOffset)
                + "}],\"outputs\":[{\"name\":\"OUTPUT0\"" + output + "}]}";
    }

    private static String region(long offset) {
        return "\"parameters\":{\"shared_memory_region\":\"mine\",\"shared_memory_byte_size\":16,"
                + "\"shared_memory_offset\":" + offset + "}";
    }

    private static String ok(HttpResponse<String> response, RunningServer server) {
        assertEquals(200, response.statusCode(), () -> response.body() + "\n" + server.log());
        return response.body();
    }

    @Test
    void tensorsLieInTheClientsMemory() throws Exception {
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.IDENTITY_FP32));
        try (ClientGpu gpu = ClientGpu.open();
                RunningServer server = RunningServer.startOnGpus(repository, "--allow-client-shm=true");
                ClientGpu.Memory memory = gpu.allocate(SIZE)) {
            memory.write(0, new float[(int) SIZE / Float.BYTES]);
            memory.write(16, 1, -2, 3, 4.5f);

            // registered
            ok(server.post(REGIONS + "region/mine/register", register(memory, SIZE)), server);
            assertEquals("[{\"name\":\"mine\",\"device_id\":0,\"byte_size\":64}]",
                    ok(server.get(REGIONS + "status"), server));

            // an input
            String answer = ok(server.post(INFER, infer(16, "")), server);
            assertArrayEquals(new float[]{1, -2, 3, 4.5f}, FloatRequest.output(answer, "OUTPUT0"));

            // an output, and nothing beside it
            ok(server.post(INFER, infer(16, "," + region(32))), server);
            assertArrayEquals(new float[]{0, 0, 0, 0, 1, -2, 3, 4.5f, 1, -2, 3, 4.5f, 0, 0, 0, 0}, memory.read(0, 16));

            // what the client writes later
            memory.write(16, 5, 6, 7, 8);
            ok(server.post(INFER, infer(16, "," + region(0))), server);
            assertArrayEquals(new float[]{5, 6, 7, 8}, memory.read(0, 4));

            // unregistered
            ok(server.post(REGIONS + "region/mine/unregister", ""), server);
            assertEquals("[]", ok(server.get(REGIONS + "status"), server));
            assertEquals(404, server.post(INFER, infer(16, "")).statusCode());

            // and again, gone with all others
            ok(server.post(REGIONS + "region/mine/register", register(memory, SIZE)), server);
            ok(server.post(REGIONS + "unregister", ""), server);
        }
    }
}
