package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.samples.SampleRepository;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Load, infer and unload again and again: resident memory levels off, but for pages of files, which the server lets go of
 * now and then. {@code -Dnereid.cycles} sets how often.
 */
class ModelCyclesIT {
    private static final int CYCLES = Integer.getInteger("nereid.cycles", 300);
    private static final int SETTLE = Math.max(1, CYCLES / 3);
    /** How large the heap happens to be is not what this is about. */
    private static final String FIXED_HEAP = "-Xms96m -Xmx96m -XX:+AlwaysPreTouch";
    private static final long ALLOWED_GROWTH_KIB = 32 * 1024;

    @TempDir
    Path repository;

    @Test
    void memoryLevelsOff() throws Exception {
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.ADD_SUB));
        String zeros = "0,".repeat(15) + "0";
        String request = """
                {"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"FP32","data":[%s]},\
                {"name":"INPUT1","shape":[1,16],"datatype":"FP32","data":[%s]}]}""".formatted(zeros, zeros);

        try (RunningServer server = RunningServer.start(RunningServer.LAYOUT, Map.of("NEREID_JAVA_OPTIONS", FIXED_HEAP),
                repository, "--model-control-mode=explicit")) {
            long settled = 0;
            for (int i = 0; i < CYCLES; i++) {
                assertEquals(200, server.post("/v2/repository/models/add_sub/load", "").statusCode(), server::log);
                assertEquals(200, server.post("/v2/models/add_sub/infer", request).statusCode(), server::log);
                assertEquals(200, server.post("/v2/repository/models/add_sub/unload", "").statusCode(), server::log);
                if (i == SETTLE) {
                    settled = server.memoryKib("RssAnon");
                }
            }
            long end = server.memoryKib("RssAnon");
            String figures = "anonymous resident memory: " + settled + " KiB after " + SETTLE + " cycles, " + end
                    + " KiB after "
                    + CYCLES;
            System.out.println(figures);
            assertTrue(end - settled < ALLOWED_GROWTH_KIB, figures);
        }
    }
}
