package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.EngineOptions.GpuOptions;
import dev.nereid.engine.gpu.FakeGpuDriver;
import dev.nereid.engine.gpu.GpuUse;
import dev.nereid.repository.config.Devices.ComputeCapability;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where instances go on a machine with two GPUs. */
class GpuPlacementTest {
    private static final GpuOptions OPTIONS = new GpuOptions(true, new ComputeCapability(7, 5), 4096, Map.of(1, 0.1));
    private static final GpuOptions LIMITED = new GpuOptions(true, new ComputeCapability(7, 5), 4096, Map.of(0, 0.8));

    @TempDir
    private Path directory;

    private final List<String> created = new ArrayList<>();
    private final List<Boolean> pinned = new ArrayList<>();
    private final FakeGpuDriver driver = new FakeGpuDriver().with(8, 0).with(9, 0);
    private final FakeBackend backend = new FakeBackend("fake").onCreate(context -> {
        try (var buffer = context.stagingMemory().allocate(100)) {
            pinned.add(buffer.isPinned());
        }
    }).onCreateInstance(context -> created
            .add(context.name() + " " + context.kind() + " " + context.deviceId() + " " + context.modelFilename()));

    private Engine start(EngineFixture fixture) {
        return fixture.gpus(driver, OPTIONS).start();
    }

    @Test
    void createsInstancesOnEachGpuWithItsFile() {
        try (EngineFixture fixture = new EngineFixture(directory, backend)) {
            fixture.model("m", """
                    instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0 ] }, { name: "c" count: 1 kind: KIND_CPU } ]
                    default_model_filename: "model.bin"
                    cc_model_filenames { key: "8.0" value: "ampere.bin" }
                    """, 1);
            fixture.write("m/1/model.bin", "x");
            fixture.write("m/1/ampere.bin", "x");

            start(fixture).load("m", LoadOverride.NONE);

            assertEquals(List.of("m_0_0 GPU 0 ampere.bin", "m_0_1 GPU 0 ampere.bin", "c_0 CPU 0 model.bin"), created);
            assertEquals(List.of(true), pinned);
        }
    }

    @Test
    void loadsNoModelOnAGpuThatIsTooFull() {
        try (EngineFixture fixture = new EngineFixture(directory, backend)) {
            fixture.model("m", "instance_group [ { count: 1 kind: KIND_GPU } ]", 1);
            Engine engine = start(fixture);

            InferenceException failure = assertThrows(InferenceException.class,
                    () -> engine.load("m", LoadOverride.NONE));

            assertTrue(
                    failure.getMessage().contains("can not create model 'm_0_0': memory limit set for GPU 1 "
                            + "has exceeded, model loading is rejected."),
                    failure.getMessage());
        }
        assertEquals(List.of(), backend.violations(), "what was created is closed");
    }

    @Test
    void loadsNoModelThatMakesAGpuTooFull() {
        backend.onCreateInstance(context -> driver.uses(used(context.name().equals("m_0_1") ? 7e9 : 5e9)));
        driver.uses(used(0));
        try (EngineFixture fixture = new EngineFixture(directory, backend)) {
            fixture.model("m", "instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0 ] } ]", 1);
            fixture.model("small", "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]", 1);
            Engine engine = fixture.gpus(driver, LIMITED).start();

            InferenceException failure = assertThrows(InferenceException.class,
                    () -> engine.load("m", LoadOverride.NONE));
            engine.load("small", LoadOverride.NONE);

            assertTrue(failure.getMessage().contains("can not create model 'm_0_1': memory limit set for GPU 0 "),
                    failure.getMessage());
            assertTrue(backend.events().containsAll(List.of("closeInstance m_0_0", "closeInstance m_0_1")),
                    backend.events()::toString);
        }
        assertEquals(List.of(), backend.violations());
    }

    @Test
    void theLimitHoldsForInstancesThatAreAddedLater() {
        backend.onCreateInstance(context -> driver.uses(used(context.name().equals("m_0_1") ? 7e9 : 5e9)));
        try (EngineFixture fixture = new EngineFixture(directory, backend)) {
            fixture.model("m", "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]", 1);
            Engine engine = fixture.gpus(driver, LIMITED).start();
            engine.load("m", LoadOverride.NONE);

            fixture.model("m", "instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0 ] } ]");
            InferenceException failure = assertThrows(InferenceException.class,
                    () -> engine.load("m", LoadOverride.NONE));

            assertTrue(failure.getMessage().contains("can not create model 'm_0_1': memory limit set for GPU 0 "),
                    failure.getMessage());
            assertEquals(1, backend.events().stream().filter("createModel m 1"::equals).count(), "it is no new load");
            EngineFixture.infer(engine, "m");
        }
        assertEquals(List.of(), backend.violations());
    }

    private static GpuUse used(double bytes) {
        return new GpuUse(OptionalDouble.of(0), OptionalDouble.of(8e9), OptionalDouble.of(bytes),
                OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty());
    }

    @Test
    void keepsModelsOfABackendForTheCpuOnTheCpu() {
        backend.attributes(BackendAttributes.DEFAULT
                .withPreferredInstanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, 1))));
        try (EngineFixture fixture = new EngineFixture(directory, backend)) {
            fixture.model("default", "", 1);
            fixture.model("auto", "instance_group [ { kind: KIND_AUTO } ]", 1);
            Engine engine = start(fixture);

            engine.load("default", LoadOverride.NONE);
            engine.load("auto", LoadOverride.NONE);

            assertEquals(List.of("default_0 CPU 0 ", "auto_0_0 CPU 0 "), created);
        }
    }
}
