package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.tensorrt.SampleEngines;
import dev.nereid.tools.samples.SampleRepository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Load, infer and unload again and again: the GPU's memory levels off. {@code -Dnereid.cycles} sets how often. */
@Tag("gpu")
class GpuCyclesIT {
    private static final int CYCLES = Integer.getInteger("nereid.cycles", 1000);
    private static final int SETTLE = Math.max(1, CYCLES / 10);
    private static final long ALLOWED_GROWTH = 16L << 20;

    @TempDir
    Path repository;

    @BeforeAll
    static void needsAGpu() {
        ClientGpu.require();
    }

    @Test
    void tensorRt() throws Exception {
        SampleEngines.obstacle().ifPresent(ClientGpu::skip);
        SampleEngines.addition(repository.resolve("addition"), 8);

        checkMemory("addition");
    }

    @Test
    void pyTorch() throws Exception {
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.ADD_SUB));
        Files.writeString(repository.resolve("add_sub").resolve("config.pbtxt"),
                SampleRepository.Model.ADD_SUB.config() + "instance_group [ { kind: KIND_GPU } ]\n");

        checkMemory("add_sub");
    }

    private void checkMemory(String model) throws Exception {
        Shape shape = Shape.of(1, SampleEngines.COLUMNS);
        float[] values = new float[SampleEngines.COLUMNS];
        FloatRequest request = new FloatRequest().input("INPUT0", shape, values).input("INPUT1", shape, values);
        try (ClientGpu gpu = ClientGpu.open();
                RunningServer server = RunningServer.startOnGpus(repository, "--model-control-mode=explicit")) {
            long settled = 0;
            for (int i = 0; i < CYCLES; i++) {
                assertEquals(200, server.post("/v2/repository/models/" + model + "/load", "").statusCode(),
                        server::log);
                request.answer(server, model);
                assertEquals(200, server.post("/v2/repository/models/" + model + "/unload", "").statusCode(),
                        server::log);
                if (i == SETTLE) {
                    settled = gpu.freeBytes();
                }
            }
            long end = gpu.freeBytes();
            String figures = model + ", free GPU memory: " + settled + " bytes after " + SETTLE + " cycles, " + end
                    + " after " + CYCLES;
            System.out.println(figures);
            assertTrue(settled - end < ALLOWED_GROWTH, figures);
        }
    }
}
