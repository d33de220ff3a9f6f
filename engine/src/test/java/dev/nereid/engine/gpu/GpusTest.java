package dev.nereid.engine.gpu;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.InstanceGroup.Kind;
import dev.nereid.engine.EngineOptions.GpuOptions;
import dev.nereid.repository.config.Devices;
import dev.nereid.repository.config.Devices.ComputeCapability;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class GpusTest {
    private final FakeGpuDriver driver = new FakeGpuDriver().with(8, 0).with(7, 0).with(9, 0);

    private static GpuOptions options(Map<Integer, Double> limits) {
        return new GpuOptions(true, new ComputeCapability(7, 5), 1024, limits);
    }

    @Test
    void usesGpusThatAreGoodEnough() {
        try (Gpus gpus = Gpus.create(driver, options(Map.of()))) {
            assertEquals(List.of(0, 2), gpus.devices().usableGpus());
            assertTrue(gpus.devices().supportsGpus());
            assertEquals(1024, gpus.pinnedMemory().totalBytes());
        }
        assertTrue(driver.isClosed());
    }

    @Test
    void hasNoGpusWithoutADriver() {
        try (Gpus gpus = Gpus.create(GpuDriver.none("none"), options(Map.of()))) {
            assertEquals(Devices.NONE, gpus.devices());
            assertEquals(0, gpus.pinnedMemory().totalBytes());
        }
    }

    @Test
    void aDriverWithoutGpusSupportsThem() {
        try (Gpus gpus = Gpus.create(new FakeGpuDriver(), options(Map.of()))) {
            assertTrue(gpus.devices().supportsGpus());
            assertEquals(List.of(), gpus.devices().usableGpus());
            assertEquals(0, gpus.pinnedMemory().totalBytes());
        }
    }

    @Test
    void goesOnWithoutPageLockedMemory() {
        try (Gpus gpus = Gpus.create(driver.refusingToPin(), options(Map.of()));
                var buffer = gpus.pinnedMemory().allocate(10)) {
            assertFalse(buffer.isPinned());
        }
    }

    @Test
    void picksTheFileByComputeCapability() {
        try (Gpus gpus = Gpus.create(driver, options(Map.of()))) {
            Map<String, String> files = Map.of("8.0", "a.plan", "9.0", "h.plan");

            assertEquals("a.plan", gpus.modelFilename(Kind.GPU, 0, "model.plan", files));
            assertEquals("h.plan", gpus.modelFilename(Kind.GPU, 2, "model.plan", files));
            assertEquals("model.plan", gpus.modelFilename(Kind.GPU, 1, "model.plan", files));
            assertEquals("model.plan", gpus.modelFilename(Kind.CPU, 0, "model.plan", files));
            assertEquals("", gpus.modelFilename(Kind.GPU, 0, "", Map.of()));
        }
    }

    @Test
    void loadsNothingOnAGpuThatIsTooFull() {
        try (Gpus gpus = Gpus.create(driver, options(Map.of(0, 0.2, 2, 0.25)))) {
            InferenceException failure = assertThrows(InferenceException.class,
                    () -> gpus.checkLoadLimit("m_0_0", Kind.GPU, 0));
            assertEquals(StatusCode.UNAVAILABLE, failure.code());
            assertEquals("can not create model 'm_0_0': memory limit set for GPU 0 has exceeded, model loading is "
                    + "rejected.", failure.getMessage());
            assertDoesNotThrow(() -> gpus.checkLoadLimit("m_0_0", Kind.GPU, 2), "exactly the limit is in use");
            assertDoesNotThrow(() -> gpus.checkLoadLimit("m_0_0", Kind.GPU, 1), "it has no limit");
            assertDoesNotThrow(() -> gpus.checkLoadLimit("m_0_0", Kind.CPU, 0), "it is not on the GPU");
        }
    }

    @Test
    void aLimitThatCannotBeCheckedIsNotIgnored() {
        driver.uses(new GpuUse(OptionalDouble.of(0), OptionalDouble.empty(), OptionalDouble.empty(),
                OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty()));
        try (Gpus gpus = Gpus.create(driver, options(Map.of(0, 0.9)))) {
            assertEquals(
                    "can not create model 'm_0_0': there is a memory limit for GPU 0, but how much is in use can't be "
                            + "read",
                    assertThrows(InferenceException.class, () -> gpus.checkLoadLimit("m_0_0", Kind.GPU, 0))
                            .getMessage());
        }
    }
}
