package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Optimization;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SettingsTest {
    @Test
    void hasTheReferencesDefaults() {
        OnnxRuntimeSettings settings = OnnxRuntimeSettings.parse(Map.of());

        assertEquals(4, settings.defaultMaxBatchSize());
        assertFalse(settings.hasGlobalThreads());
        assertEquals(Runtime.getRuntime().availableProcessors(), settings.cores());
    }

    @Test
    void readsSettings() {
        OnnxRuntimeSettings settings = OnnxRuntimeSettings.parse(Map.of("default-max-batch-size", "16",
                "enable-global-threadpool", "1", "intra_op_thread_count", "3", "cpu-cores", "5"));

        assertEquals(new OnnxRuntimeSettings(16, true, 3, 5, 5), settings);
    }

    @ParameterizedTest
    @CsvSource({"1, 8, , 8, 8", "2, 8, , 4, 7", "3, 2, , 1, 1", "2, 8, 3, 3, 5", "2, 1, 1, 1, 1"})
    void dividesTheCoresAmongTheInstances(int instances, int cores, Integer configured, int each, int together) {
        OptionalInt intraOp = configured == null ? OptionalInt.empty() : OptionalInt.of(configured);

        assertEquals(each, ThreadCounts.each(intraOp, cores, instances));
        assertEquals(together, ThreadCounts.together(each, instances));
    }

    @Test
    void ignoresCountsThatSayNothing() {
        ModelConfig config = ModelConfig.builder("m")
                .parameters(Map.of("intra_op_thread_count", "0", "inter_op_thread_count", "-1")).build();

        assertEquals(OptionalInt.empty(), OnnxParameters.parse(config).intraOpThreads());
        assertEquals(OptionalInt.empty(), OnnxParameters.parse(config).interOpThreads());
    }

    @ParameterizedTest
    @CsvSource({"-1, BASIC, 1", "0, ALL, 99", "1, EXTENDED, 2", "2, NONE, 0", "7, ALL, 99"})
    void optimisesAsTheReference(int level, OnnxParameters.Optimization expected, int code) {
        Optimization optimization = new Optimization(level, Optimization.Priority.DEFAULT, Optimization.Cuda.DEFAULT,
                List.of(), List.of(), true, true, 0, false);
        ModelConfig config = ModelConfig.builder("m").optimization(optimization).build();

        assertEquals(expected, OnnxParameters.parse(config).optimization());
        assertEquals(code, expected.code());
    }

    @Test
    void handsSettingsOnToCuda() {
        Optimization cuda = new Optimization(0, Optimization.Priority.DEFAULT, Optimization.Cuda.DEFAULT,
                List.of(new Optimization.Accelerator("cuda", Map.of("cudnn_conv_use_max_workspace", "0"))), List.of(),
                true, true, 0, false);
        ModelConfig config = ModelConfig.builder("m").optimization(cuda)
                .parameters(Map.of("cudnn_conv_algo_search", "1", "gpu_mem_limit", "1000")).build();

        assertEquals(Map.of("device_id", "1", "cudnn_conv_algo_search", "HEURISTIC", "gpu_mem_limit", "1000",
                "cudnn_conv_use_max_workspace", "0"), new OnnxDevice(1).cudaSettings(config));
    }

    @Test
    void refusesWrongSettingsForCuda() {
        ModelConfig config = ModelConfig.builder("m").parameters(Map.of("arena_extend_strategy", "2")).build();

        assertEquals("unsupported arena_extend_strategy value '2' is requested",
                assertThrows(InferenceException.class, () -> new OnnxDevice(0).cudaSettings(config)).getMessage());
    }

    @Test
    void namesPlatformsAsTheJarDoes() {
        assertEquals("linux-x64", NativeLibrary.platform("Linux", "amd64"));
        assertEquals("linux-aarch64", NativeLibrary.platform("Linux", "aarch64"));
        assertEquals("osx-aarch64", NativeLibrary.platform("Mac OS X", "aarch64"));
        assertEquals("win-x64", NativeLibrary.platform("Windows 11", "amd64"));
        assertTrue(NativeLibrary.platform("Plan 9", "mips").startsWith("plan 9-"));
    }
}
