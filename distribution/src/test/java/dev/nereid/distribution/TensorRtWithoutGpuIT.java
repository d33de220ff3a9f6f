package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.samples.SampleRepository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a machine without a GPU a TensorRT model says why it can't be served, and the others are. */
class TensorRtWithoutGpuIT {
    private static final String ZEROS = "0,".repeat(15) + "0";

    @TempDir
    Path repository;

    @Test
    void saysWhyAndServesTheOthers() throws Exception {
        Assumptions.assumeFalse(Files.exists(Path.of("/proc/driver/nvidia/version")), "this machine has a GPU");
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.ADD_SUB));
        Path model = Files.createDirectories(repository.resolve("plan"));
        Files.writeString(model.resolve("config.pbtxt"), "platform: \"tensorrt_plan\"\n");
        Files.writeString(Files.createDirectories(model.resolve("1")).resolve("model.plan"), "a plan");
        String request = """
                {"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"FP32","data":[%s]},\
                {"name":"INPUT1","shape":[1,16],"datatype":"FP32","data":[%s]}]}""".formatted(ZEROS, ZEROS);

        try (RunningServer server = RunningServer.start(repository, "--exit-on-error=false")) {
            String index = server.post("/v2/repository/index", "").body();
            assertTrue(
                    index.contains("\"reason\":\"Unavailable: TensorRT can't run on this machine: the NVIDIA driver was"
                            + " not found (libcuda.so.1); install the NVIDIA driver"),
                    index);
            assertEquals(200, server.post("/v2/models/add_sub/infer", request).statusCode(), server::log);
        }
    }
}
