package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.tools.samples.SampleRepository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same TorchScript models on the GPU and on the CPU, over HTTP. */
@Tag("gpu")
class PyTorchGpuIT {
    private static final long SEED = 7;
    private static final float TOLERANCE = 1e-3f;

    @TempDir
    Path samples;

    @TempDir
    Path repository;

    @BeforeAll
    static void needsAGpu() {
        ClientGpu.require();
    }

    private void place(SampleRepository.Model model, String kind) throws Exception {
        Path target = repository.resolve(model.modelName() + "_" + kind);
        Recording.copyTree(samples.resolve(model.modelName()), target);
        Files.writeString(target.resolve("config.pbtxt"),
                model.config() + "instance_group [ { kind: KIND_" + kind + " } ]\n");
    }

    @Test
    void theGpuComputesWhatTheCpuComputes() throws Exception {
        EnumSet<SampleRepository.Model> models = EnumSet.of(SampleRepository.Model.MLP, SampleRepository.Model.UNET);
        SampleRepository.write(samples, models);
        for (SampleRepository.Model model : models) {
            place(model, "GPU");
            place(model, "CPU");
        }

        try (RunningServer server = RunningServer.startOnGpus(repository)) {
            compare(server, "mlp", Shape.of(5, 128));
            compare(server, "unet", Shape.of(1, 3, 360, 640));

            String metrics = server.metrics().body();
            assertTrue(metrics.lines().anyMatch(line -> line.startsWith("nv_inference_count{gpu_uuid=\"GPU-")
                    && line.endsWith("model=\"mlp_GPU\",version=\"1\"} 5")), metrics);
            assertTrue(metrics.contains("nv_inference_count{model=\"mlp_CPU\",version=\"1\"} 5"), metrics);
        }
    }

    private static void compare(RunningServer server, String model, Shape shape) throws Exception {
        Random random = new Random(SEED);
        float[] values = new float[(int) shape.elementCount()];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat() * 2 - 1;
        }
        FloatRequest request = new FloatRequest().input("INPUT__0", shape, values);
        float[] gpu = FloatRequest.output(request.answer(server, model + "_GPU"), "OUTPUT__0");
        float[] cpu = FloatRequest.output(request.answer(server, model + "_CPU"), "OUTPUT__0");
        assertEquals(cpu.length, gpu.length);
        for (int i = 0; i < cpu.length; i++) {
            assertEquals(cpu[i], gpu[i], TOLERANCE * Math.max(1, Math.abs(cpu[i])), model + ", element " + i);
        }
    }
}
