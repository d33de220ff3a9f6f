package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ModelLoadTest extends TorchTest {
    private static final String ONE = "def forward(self, x):\n  return x\n";
    private static final String TWO = "def forward(self, x, y):\n  return x - y, x + y\n";

    @Test
    void refusesAModelWithoutForward() {
        assertFailure(StatusCode.INTERNAL, "failed to load model 'model': it has no method 'forward'",
                loadFailure("def backward(self, x):\n  return x\n", simple("model").build()));
    }

    @Test
    void refusesBadBooleans() {
        assertFailure(StatusCode.INVALID_ARG, "failed to convert 'maybe' to boolean",
                loadFailure(ONE, simple("model").parameters(Map.of("INFERENCE_MODE", "maybe")).build()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"2x", "", "2.5", "99999999999"})
    void refusesBadNumbers(String text) {
        assertFailure(StatusCode.INVALID_ARG, "failed to convert '" + text + "' to integral number",
                loadFailure(ONE, simple("model").parameters(Map.of("INTRA_OP_THREAD_COUNT", text)).build()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"INTRA_OP_THREAD_COUNT", "INTER_OP_THREAD_COUNT"})
    void refusesMoreThreadsThanOpenMpSurvives(String key) {
        assertFailure(StatusCode.INVALID_ARG, "'" + key + "' is 100000, at most 1024 are allowed",
                loadFailure(ONE, simple("model").parameters(Map.of(key, "100000")).build()));
    }

    @Test
    void setsTheSwitchesOfTorchScriptForTheProcess() {
        boolean executor = torch.getExecutorMode().get();
        boolean profiling = torch.getProfilingMode().get();
        try {
            load(ONE, simple("model").parameters(Map.of("ENABLE_JIT_EXECUTOR", Boolean.toString(!executor),
                    "ENABLE_JIT_PROFILING", Boolean.toString(!profiling))).build()).close();
            // Another model, which does not ask, changes nothing.
            load(ONE, simple("other").build()).close();

            assertEquals(!executor, torch.getExecutorMode().get());
            assertEquals(!profiling, torch.getProfilingMode().get());
        } finally {
            torch.getExecutorMode().put(executor);
            torch.getProfilingMode().put(profiling);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void setsTheFuserForTheProcess(boolean isOn) {
        boolean before = isTensorFuserOn();

        load(ONE, simple("model").parameters(Map.of("ENABLE_TENSOR_FUSER", Boolean.toString(isOn))).build()).close();

        assertEquals(isOn, isTensorFuserOn());
        load(ONE, simple("model").parameters(Map.of("ENABLE_TENSOR_FUSER", Boolean.toString(before))).build()).close();
    }

    /** The bindings lack this function. */
    @SuppressWarnings("restricted")
    private static boolean isTensorFuserOn() {
        Path library = Path.of(Loader.load(torch.class)).resolveSibling(System.mapLibraryName("torch_cpu"));
        MemorySegment function = SymbolLookup.libraryLookup(library, Arena.global())
                .find("_ZN5torch3jit22tensorExprFuserEnabledEv").orElseThrow();
        try {
            return (boolean) Linker.nativeLinker()
                    .downcallHandle(function, FunctionDescriptor.of(ValueLayout.JAVA_BOOLEAN)).invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void instancesThatShareWeightsShareTheirState() {
        String source = "def forward(self, x):\n  self.state.add_(1)\n  return self.state[:1]\n";
        ModelConfig config = simple("model").parameters(Map.of("ENABLE_WEIGHT_SHARING", "1"))
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2))).build();

        try (TestModel model = load(source, config)) {
            List<TestRequest> request = List.of(TestRequest.of().fp32("INPUT__0", Shape.of(1), 0f));

            model.executeOn(0, request).getFirst().response();
            assertEquals(List.of(2f), floats(
                    model.executeOn(1, request).getFirst().output("OUTPUT__0").floats()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"INFERENCE_MODE=false", "DISABLE_OPTIMIZED_EXECUTION=ON", "ENABLE_WEIGHT_SHARING=true",
        "INTRA_OP_THREAD_COUNT=1", "INTER_OP_THREAD_COUNT=2", "ENABLE_JIT_EXECUTOR=true",
        "ENABLE_JIT_PROFILING=1", "ENABLE_TENSOR_FUSER=true", "ENABLE_CACHE_CLEANING=true", "DISABLE_CUDNN=true",
        "ENABLE_FREEZING=true", "ENABLE_OPTIMIZE_FOR_INFERENCE=true", "ENABLE_CHANNELS_LAST=true", "ENABLE_BF16=true",
        "ENABLE_AUTO_WARMUP=false", "INTRA_OP_THREAD_COUNT=0", "UNKNOWN=x"})
    void takesEveryParameter(String parameter) {
        String[] parts = parameter.split("=", 2);
        ModelConfig config = simple("model").parameters(Map.of(parts[0], parts[1]))
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2))).build();

        try (TestModel model = load("def forward(self, x):\n  return x * self.weight\n", config)) {
            for (int instance = 0; instance < 2; instance++) {
                var result = model.executeOn(instance,
                        List.of(TestRequest.of().fp32("INPUT__0", Shape.of(2), 1f, 2f))).getFirst();
                assertEquals(List.of(2f, 4f), floats(result.output("OUTPUT__0").floats()));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"ENABLE_WEIGHT_SHARING, false, 160016", "ENABLE_WEIGHT_SHARING, true, 80008",
        "ENABLE_FREEZING, true, 160016"})
    void tellsWhatItsWeightsOccupy(String parameter, String value, long expected) {
        ModelConfig config = simple("model").parameters(Map.of(parameter, value))
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2))).build();

        // A weight of two numbers and a state of twenty thousand.
        try (TestModel model = load("def forward(self, x):\n  return x * self.weight\n", config)) {
            assertEquals(expected, model.memoryUsage().stream().mapToLong(MemoryUsage::byteSize).sum());
            assertTrue(model.memoryUsage().stream().allMatch(usage -> usage.placement().equals(Placement.CPU)));
        }
    }

    @Test
    void refusesGpusWhereThereAreNone() {
        ModelConfig config = simple("model")
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.GPU, 1))).build();

        InferenceException failure = loadFailure(ONE, config);

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertTrue(
                failure.getMessage().startsWith("model 'model' asks for GPU 0, but libtorch finds none"));
    }

    @Test
    void failedLoadsLeaveNothing() {
        ModelConfig config = simple("model").build();
        loadFailure(TWO, config);
        long before = Pointer.totalCount();

        for (int i = 0; i < 10; i++) {
            assertThrows(InferenceException.class, () -> loadFile(config));
        }

        assertNoMorePointers(before);
    }

    @Test
    void unloadingLeavesNothing() {
        ModelConfig config = simple("model").build();
        load(ONE, config).close();
        long before = Pointer.totalCount();

        for (int i = 0; i < 20; i++) {
            try (TestModel model = loadFile(config)) {
                model.infer(TestRequest.of().fp32("INPUT__0", Shape.of(1), 3f)).response();
            }
        }

        assertNoMorePointers(before);
    }

    @Test
    void onlyTheLogTellsThatAWarmUpFailed() {
        String source = "def forward(self, x):\n  assert bool(x.sum() != 0)\n  return x\n";
        ModelConfig config = simple("model").inputs(List.of(new ModelInput("INPUT__0", DataType.FP32, Dims.of(2))))
                .build();

        try (RecordedLog log = RecordedLog.of(PyTorchInstance.class); TestModel model = load(source, config)) {
            model.infer(TestRequest.of().fp32("INPUT__0", Shape.of(2), 1f, 2f)).response();

            assertEquals(List.of("model 'model' instance 'model_0_0' can't execute zeros, so its first requests will be"
                    + " slow (ENABLE_AUTO_WARMUP false turns this off): The following operation failed in the TorchScript"
                    + " interpreter. RuntimeError: AssertionError:"), log.warnings());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"self.state.add_(1)", "self.state = self.state + 1", "self.state[:1] += 1"})
    void warmingUpChangesNothing(String statement) {
        String source = "def forward(self, x):\n  " + statement + "\n  return self.state[:2] + x\n";
        ModelConfig config = simple("model").inputs(List.of(new ModelInput("INPUT__0", DataType.FP32, Dims.of(2))))
                .parameters(Map.of("ENABLE_WEIGHT_SHARING", "true"))
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2))).build();

        try (TestModel model = load(source, config)) {
            TestRequest request = TestRequest.of().fp32("INPUT__0", Shape.of(2), 0f, 0f);

            assertEquals(1f, model.infer(request).output("OUTPUT__0").floats()[0]);
            assertEquals(2f, model.infer(request).output("OUTPUT__0").floats()[0]);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ENABLE_FREEZING", "ENABLE_OPTIMIZE_FOR_INFERENCE"})
    void whatIsFrozenKeepsStateToo(String key) {
        String source = "def forward(self, x):\n  self.state.add_(1)\n  return self.state[:2] + x * self.weight\n";
        ModelConfig config = simple("model").inputs(List.of(new ModelInput("INPUT__0", DataType.FP32, Dims.of(2))))
                .parameters(Map.of(key, "true")).build();

        try (TestModel model = load(source, config)) {
            TestRequest request = TestRequest.of().fp32("INPUT__0", Shape.of(2), 1f, 2f);

            assertEquals(List.of(3f, 5f), floats(model.infer(request).output("OUTPUT__0").floats()));
            assertEquals(List.of(4f, 6f), floats(model.infer(request).output("OUTPUT__0").floats()));
        }
    }

    @Test
    void warmingUpLeavesNothing() {
        ModelConfig config = simple("model").inputs(List.of(new ModelInput("INPUT__0", DataType.FP32, Dims.of(2))))
                .build();
        load("def forward(self, x):\n  self.state.add_(1)\n  return x\n", config).close();
        long before = Pointer.totalCount();

        for (int i = 0; i < 10; i++) {
            loadFile(config).close();
        }

        assertNoMorePointers(before);
    }
}
