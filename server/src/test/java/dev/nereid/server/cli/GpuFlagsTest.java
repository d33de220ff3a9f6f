package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.engine.EngineOptions.GpuOptions;
import dev.nereid.repository.config.Devices.ComputeCapability;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GpuFlagsTest {
    private static GpuOptions options(String... flags) {
        return GpuFlags.options(FlagTable.parse(List.of(flags)), Map.of());
    }

    @Test
    void hasTheDefaultsOfTheReference() {
        assertEquals(GpuOptions.DEFAULT, options());
        assertEquals(new ComputeCapability(7, 5), GpuOptions.DEFAULT.minimumCapability());
        assertEquals(268_435_456, GpuOptions.DEFAULT.pinnedPoolBytes());
    }

    @Test
    void readsWhatIsGiven() {
        assertEquals(
                new GpuOptions(true, new ComputeCapability(12, 0), 0, Map.of(0, 0.5, 3, 1.0)),
                options("--min-supported-compute-capability=12", "--pinned-memory-pool-byte-size=0",
                        "--model-load-gpu-limit=0:0.5", "--model-load-gpu-limit", "3:1"));
    }

    @Test
    void usesNoGpuWhereTheEnvironmentSaysSo() {
        assertFalse(GpuFlags.options(Map.of(), Map.of("TRITON_SERVER_CPU_ONLY", "1")).isAllowed());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "0:", ":0.5", "0:1.1", "0:-0.1", "-1:0.5", "0:0.5:1", "a:0.5", "0:x", "0:NaN"})
    void refusesLimitsThatAreNone(String value) {
        assertEquals("--model-load-gpu-limit has value '" + value + "', expected <gpu>:<fraction>, the fraction from 0 "
                + "to 1",
                assertThrows(UsageException.class, () -> options("--model-load-gpu-limit=" + value)).getMessage());
    }

    @Test
    void refusesTwoLimitsOfOneGpu() {
        assertEquals("--model-load-gpu-limit is given more than once for GPU 0", assertThrows(UsageException.class,
                () -> options("--model-load-gpu-limit=0:0.5", "--model-load-gpu-limit=0:0.6")).getMessage());
    }

    @ParameterizedTest
    @CsvSource({"min-supported-compute-capability,x", "min-supported-compute-capability,7.5.1",
        "min-supported-compute-capability,-1", "pinned-memory-pool-byte-size,-1"})
    void refusesOtherValues(String flag, String value) {
        assertThrows(UsageException.class, () -> options("--" + flag + "=" + value));
    }
}
