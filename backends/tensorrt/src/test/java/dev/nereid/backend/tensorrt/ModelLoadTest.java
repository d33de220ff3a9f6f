package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ModelLoadTest {
    @TempDir
    Path directory;

    private FakeTensorRt trt = new FakeTensorRt(Plans.addition(), Plans::add);

    private InferenceException failure(ModelConfig config) {
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt))) {
            var failure = assertThrows(InferenceException.class, () -> engine.load(directory, config));
            assertEquals(0, trt.alive.get(), "everything is closed");
            return failure;
        }
    }

    @Test
    void completesAConfigurationAndServesIt() {
        Plans.write(directory);
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt));
                TestModel model = engine.load(directory, 1, Plans.config("m").build(), true)) {
            assertEquals(8, model.config().maxBatchSize());
            assertEquals(1, trt.story.stream().filter("engine"::equals).count(), "the engine is loaded once");
        }
        assertEquals(0, trt.alive.get());
    }

    @Test
    void saysThatTheFileIsMissing() {
        InferenceException failure = failure(Plans.additionConfig("m").build());

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals("unable to find '" + directory.resolve("1/model.plan") + "' for model instance 'm'",
                failure.getMessage());
    }

    @Test
    void refusesAFileOutsideTheVersionDirectory() {
        Plans.write(directory);
        assertTrue(failure(Plans.additionConfig("m").defaultModelFilename("../1/../../x.plan").build()).getMessage()
                .startsWith("unable to find '"));
    }

    @Test
    void refusesAnEngineOfAnotherVersionBeforeTensorRtSeesIt() {
        Plans.write(directory, "model.plan", Plans.header(10, 3, 0));

        assertTrue(failure(Plans.additionConfig("m").build()).getMessage()
                .startsWith("unable to load model 'm': its engine was built by TensorRT 10.3.0"));
        assertTrue(trt.story.stream().noneMatch("engine"::equals));
    }

    @Test
    void takesTheFileForTheComputeCapability() {
        Plans.write(directory, "ada.plan", Plans.header());
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt))) {
            engine.load(directory,
                    Plans.additionConfig("m").ccModelFilenames(Map.of("8.9", "ada.plan", "9.0", "h.plan"))
                            .build())
                    .close();
        }
    }

    @Test
    void runsOnGpusOnly() {
        Plans.write(directory);
        for (InstanceGroup.Kind kind : List.of(InstanceGroup.Kind.CPU, InstanceGroup.Kind.MODEL)) {
            InferenceException failure = failure(Plans.additionConfig("m")
                    .instanceGroups(List.of(new InstanceGroup("", kind, 1))).build());
            assertEquals("unable to load model 'm', TensorRT backend supports only GPU device", failure.getMessage());
        }
    }

    @Test
    void runsOnADeepLearningAccelerator() {
        Plans.write(directory);
        ModelConfig config = Plans.additionConfig("m")
                .instanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.GPU, 1, List.of(),
                        InstanceGroup.RateLimiter.NONE, List.of(new InstanceGroup.SecondaryDevice(1)), List.of(), false,
                        "")))
                .build();
        assertEquals("unable to create TensorRT runtime with DLA Core ID: 1, available number of DLA cores: 0",
                failure(config).getMessage());

        trt.accelerators = 2;
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt))) {
            engine.load(directory, config).close();
            assertTrue(trt.story.contains("runtime on DLA 1"));
        }
    }

    @Test
    void loadsAnEngineForEachGpu() {
        Plans.write(directory);
        trt.devices.put(1, new TensorRt.GpuDevice(1, "Other GPU", 9, 0));
        ModelConfig config = Plans.additionConfig("m")
                .instanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.GPU, 2, List.of(0, 1),
                        InstanceGroup.RateLimiter.NONE, List.of(), List.of(), false, "")))
                .build();
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt));
                TestModel model = engine.load(directory, config)) {
            assertEquals(4, model.instanceCount());
            assertEquals(2, trt.story.stream().filter("engine"::equals).count());
        }
    }

    @Test
    void obeysParameters() {
        Plans.write(directory);
        assertEquals("Invalid value for 'execution_context_allocation_strategy': 'DYNAMIC' for model instance 'm'."
                + " Supported values are 'STATIC' and 'ON_PROFILE_CHANGE'.",
                failure(with("execution_context_allocation_strategy", "DYNAMIC")).getMessage());
        assertEquals("'weight_streaming_budget' is set for model 'm', but the weights of its engine can't be streamed;"
                + " build it with --allowWeightStreaming", failure(with("weight_streaming_budget", "5")).getMessage());
        assertEquals(StatusCode.UNSUPPORTED, failure(with("enable_multi_device", "true")).code());

        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt))) {
            engine.load(directory, with("execution_context_allocation_strategy", "ON_PROFILE_CHANGE")).close();
        }
        assertTrue(trt.story.contains("context that follows its profile"));
    }

    @Test
    void streamsWeights() {
        Plans.write(directory);
        EngineLayout addition = Plans.addition();
        trt = new FakeTensorRt(new EngineLayout(addition.tensors(), addition.profiles(), 1000), Plans::add);
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt))) {
            engine.load(directory, with("weight_streaming_budget", "5000")).close();
            assertEquals(1000, trt.weightBudget);
            engine.load(directory, with("weight_streaming_budget", "auto")).close();
            assertEquals(77, trt.weightBudget);
        }
    }

    @Test
    void loadingAgainAndAgainLeavesNothing() {
        Plans.write(directory);
        try (TestEngine engine = TestEngine.start(new FakeBackendFactory(trt))) {
            for (int i = 0; i < 200; i++) {
                engine.load(directory, Plans.additionConfig("m").build()).close();
                assertEquals(0, trt.alive.get());
            }
        }
    }

    private static ModelConfig with(String parameter, String value) {
        return Plans.additionConfig("m").parameters(Map.of(parameter, value)).build();
    }
}
