package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
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
import java.util.Optional;
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
    private static final String DICTIONARY = "def forward(self, z: Dict[str, Tensor]):\n  return z['A'] - z['B']\n";

    private static ModelConfig.Builder two(String... inputs) {
        return TestScripts.config("model").inputs(TestScripts.inputs(DataType.FP32, ANY, inputs))
                .outputs(TestScripts.outputs(DataType.FP32, ANY, "OUTPUT__0", "OUTPUT__1"));
    }

    private static float[] difference(TestModel model, String first, String second) {
        Shape shape = Shape.of(2);
        return model.infer(TestRequest.of().fp32(first, shape, 5f, 7f).fp32(second, shape, 1f, 2f))
                .output("OUTPUT__0").floats();
    }

    @Test
    void namesOfArgumentsDecideWhateverTheirOrder() {
        try (TestModel model = load(TWO, two("y", "x").build())) {
            assertEquals(List.of(4f, 5f), floats(difference(model, "x", "y")));
        }
    }

    @Test
    void indexesDecideWhateverTheirOrder() {
        try (TestModel model = load(TWO, two("second__1", "first__0").build())) {
            assertEquals(List.of(4f, 5f), floats(difference(model, "first__0", "second__1")));
        }
    }

    @Test
    void theOrderOfTheConfigurationDecidesOtherwise() {
        try (TestModel model = load(TWO, two("first", "second__0").build())) {
            assertEquals(List.of(4f, 5f), floats(difference(model, "first", "second__0")));
        }
    }

    @ParameterizedTest
    @CsvSource({"y, b__0", "X, Y", "a__b__1, b__0", "a__-1, b__0", "a__1x, b__0", "a__, b__0", "a_1, b_0",
        "a__\u0661, b__0"})
    void theOrderDecidesWhereOneNameFollowsNoRule(String first, String second) {
        try (TestModel model = load(TWO, two(first, second).build())) {
            assertEquals(List.of(4f, 5f), floats(difference(model, first, second)));
        }
    }

    @ParameterizedTest
    @CsvSource({"a__1, b__0", "a__01, b__00", "__1, __0", "b__1, a__00000000000"})
    void theNumberAfterTheFirstSeparatorDecides(String first, String second) {
        try (TestModel model = load(TWO, two(first, second).build())) {
            assertEquals(List.of(-4f, -5f), floats(difference(model, first, second)));
        }
    }

    @Test
    void namesOfArgumentsDecideEvenWhereTheyLookLikeIndexes() {
        try (TestModel model = load("def forward(self, x__1, y__0):\n  return x__1 - y__0, x__1\n",
                two("x__1", "y__0").build())) {
            assertEquals(List.of(4f, 5f), floats(difference(model, "x__1", "y__0")));
        }
    }

    @Test
    void warnsWhereOnlyTheOrderTells() {
        try (RecordedLog log = RecordedLog.of(PyTorchModel.class)) {
            load(TWO, two("first", "second").build()).close();
            load(TWO, two("y", "x").build()).close();

            assertEquals(List.of("model 'model' version 1 has forward(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor];"
                    + " inputs by order of the configuration {first=0, second=1}, outputs by <name>__<index>"
                    + " {OUTPUT__0=0, OUTPUT__1=1}; the inputs' names are neither arguments of forward nor"
                    + " <name>__<index>, so they are taken in the order of the configuration"), log.warnings());
        }
    }

    @Test
    void oneResultCanBeTwoOutputs() {
        ModelConfig config = simple("model").outputs(TestScripts.outputs(DataType.FP32, ANY, "A__0", "B__0")).build();

        try (TestModel model = load("def forward(self, x):\n  return x + 1\n", config)) {
            float[] values = new float[20_000];
            var result = model.infer(TestRequest.of().fp32("INPUT__0", Shape.of(values.length), values));

            assertEquals(1f, result.output("A__0").floats()[19_999]);
            assertEquals(1f, result.output("B__0").floats()[19_999]);
        }
    }

    @Test
    void outputsWithoutIndexesFollowTheConfiguration() {
        ModelConfig config = two("x", "y").outputs(TestScripts.outputs(DataType.FP32, ANY, "B", "A__1x")).build();

        try (TestModel model = load(TWO, config)) {
            var result = model
                    .infer(TestRequest.of().fp32("x", Shape.of(1), 5f).fp32("y", Shape.of(1), 1f));

            assertEquals(List.of("A__1x", "B"), result.outputs().stream().map(output -> output.name()).toList());
            assertEquals(List.of(4f), floats(result.output("B").floats()));
            assertEquals(List.of(6f), floats(result.output("A__1x").floats()));
        }
    }

    @Test
    void namesAreKeysWhereTheModelTakesADictionary() {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(DataType.FP32, ANY, "B", "A"),
                TestScripts.outputs(DataType.FP32, ANY, "OUTPUT__0"));

        try (TestModel model = load(DICTIONARY, config)) {
            assertEquals(List.of(4f, 5f), floats(difference(model, "A", "B")));
        }
    }

    @Test
    void keysOfADictionaryCanBeAnyText() {
        ModelConfig config = TestScripts.config("model",
                TestScripts.inputs(DataType.FP32, ANY, "A__0", "\ud83d\ude00 \u00e4"),
                List.of(new ModelOutput("KEYS__0", DataType.BYTES, ANY)));

        try (TestModel model = load("def forward(self, z: Dict[str, Tensor]):\n  return [key for key in z.keys()]\n",
                config)) {
            assertEquals(List.of("A__0", "\ud83d\ude00 \u00e4"),
                    model.infer(TestRequest.of().fp32("A__0", Shape.of(1), 1f)
                            .fp32("\ud83d\ude00 \u00e4", Shape.of(1), 1f)).output("KEYS__0").strings());
        }
    }

    @Test
    void inputsOfADictionaryAreNotCounted() {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(DataType.FP32, ANY, "A"),
                TestScripts.outputs(DataType.FP32, ANY, "OUTPUT__0"));

        try (TestModel model = load(DICTIONARY, config)) {
            assertFailure(StatusCode.INTERNAL, "PyTorch execute failure: The following operation failed in the"
                    + " TorchScript interpreter. RuntimeError: KeyError: B",
                    model.infer(TestRequest.of().fp32("A", Shape.of(1), 1f)).failure());
        }
    }

    @Test
    void refusesStringsInADictionary() {
        assertFailure(StatusCode.INVALID_ARG,
                "input 'A' of model 'model' is TYPE_STRING, but argument 'z' of forward is Dict[str, Tensor]",
                loadFailure(DICTIONARY, TestScripts.config("model", TestScripts.inputs(DataType.BYTES, ANY, "A"),
                        TestScripts.outputs(DataType.FP32, ANY, "OUTPUT__0"))));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"Dict[int, Tensor]|Dict(int, Tensor)", "Dict[str, int]|Dict(str, int)",
        "Tuple[Tensor, Tensor]|(Tensor, Tensor)", "str|str", "Optional[List[str]]|str[]?"})
    void refusesArgumentsOfOtherTypes(String type, String shown) {
        assertFailure(StatusCode.INTERNAL, "An input of type '" + shown
                + "' was detected in the model. Only a single input of type Dict(str, Tensor) or input(s) of type"
                + " Tensor are supported.",
                loadFailure("def forward(self, x: " + type + "):\n  return torch.zeros([1])\n",
                        simple("model").build()));
    }

    @Test
    void countsArgumentsWithDefaults() {
        assertFailure(StatusCode.INVALID_ARG,
                "unable to load model 'model', configuration expects 1 inputs, model provides 2",
                loadFailure("def forward(self, x, y: Optional[Tensor] = None):\n  return x\n", two("x").build()));
    }

    @Test
    void countsWhatTheServerAdds() {
        BatchInput counts = new BatchInput(BatchInput.Kind.ELEMENT_COUNT, List.of("COUNT__1"),
                Optional.of(DataType.FP32), List.of("x__0"));
        Scheduling.State state = new Scheduling.State("b__2", "c__2", Optional.of(DataType.FP32), ANY, List.of(),
                false, false);
        // A name that breaks the rules comes second.
        Scheduling.ControlInput start = new Scheduling.ControlInput("START",
                List.of(new Scheduling.Control(Scheduling.ControlKind.START, DataType.FP32, 0, 1)));

        assertFailure(StatusCode.INVALID_ARG,
                "unable to load model 'model', configuration expects 4 inputs, model provides 2",
                loadFailure(TWO, two("x__0").maxBatchSize(2).batchInputs(List.of(counts))
                        .scheduling(sequences(List.of(start), List.of(state))).build()));
    }

    @Test
    void wantsAnInputEvenWhereTheModelTakesNone() {
        InferenceException failure = loadFailure("def forward(self):\n  return torch.zeros([1])\n",
                TestScripts.config("model").outputs(TestScripts.outputs(DataType.FP32, ANY, "O__0")).build());

        assertEquals(StatusCode.INTERNAL, failure.code());
        assertTrue(failure.getMessage()
                .startsWith("model configuration must contain at least one input, none were specified."));
    }

    @Test
    void refusesIndexesThatNoNumberHolds() {
        assertFailure(StatusCode.INVALID_ARG,
                "unable to load model 'model', input 'b__99999999999' stands for argument 2147483647, which the model"
                        + " does not have: forward(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]",
                loadFailure(TWO, two("a__0", "b__99999999999").build()));
    }

    @Test
    void refusesAModelWithoutForward() {
        assertFailure(StatusCode.INTERNAL, "failed to load model 'model': it has no method 'forward'",
                loadFailure("def backward(self, x):\n  return x\n", simple("model").build()));
    }

    @Test
    void countsInputs() {
        assertFailure(StatusCode.INVALID_ARG,
                "unable to load model 'model', configuration expects 1 inputs, model provides 2",
                loadFailure(TWO, two("x").build()));
    }

    @Test
    void refusesTwoInputsForOneArgument() {
        assertFailure(StatusCode.INVALID_ARG,
                "unable to load model 'model', input 'b__0' stands for argument 0, which another input stands for"
                        + " already: forward(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]",
                loadFailure(TWO, two("a__0", "b__0").build()));
    }

    @Test
    void refusesAnInputForNoArgument() {
        assertFailure(StatusCode.INVALID_ARG,
                "unable to load model 'model', input 'b__7' stands for argument 7, which the model does not have:"
                        + " forward(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]",
                loadFailure(TWO, two("a__0", "b__7").build()));
    }

    @Test
    void refusesArgumentsThatAreNoTensors() {
        assertFailure(StatusCode.INTERNAL,
                "An input of type 'int' was detected in the model. Only a single input of type Dict(str, Tensor) or"
                        + " input(s) of type Tensor are supported.",
                loadFailure("def forward(self, x, n: int = 3):\n  return x\n", two("x", "n").build()));
    }

    @Test
    void refusesTwoDictionaries() {
        assertFailure(StatusCode.INTERNAL,
                "Multiple inputs of kind DictType were detected. Only a single input of type Dict(str, Tensor) is"
                        + " supported.",
                loadFailure("def forward(self, a: Dict[str, Tensor], b: Dict[str, Tensor]):\n  return a['x']\n",
                        two("a", "b").build()));
    }

    @Test
    void tellsWhatIsKnownWhereInputsAreMissing() {
        ModelConfig config = TestScripts.config("model").outputs(TestScripts.outputs(DataType.FP32, ANY, "O__0"))
                .build();

        assertFailure(StatusCode.INVALID_ARG, "unable to load model 'model', configuration expects 0 inputs, model"
                + " provides 2. The model has forward(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]; TorchScript tells neither"
                + " data types nor dims, so correct these in: input [ { name: \"x\" data_type: TYPE_FP32 dims: [ -1 ] }"
                + ", { name: \"y\" data_type: TYPE_FP32 dims: [ -1 ] } ] output [ { name: \"OUTPUT__0\" data_type:"
                + " TYPE_FP32 dims: [ -1 ] }, { name: \"OUTPUT__1\" data_type: TYPE_FP32 dims: [ -1 ] } ]",
                loadFailure(TWO, config));
    }

    @Test
    void tellsWhatIsKnownWhereOutputsAreMissing() {
        ModelConfig config = TestScripts.config("model").inputs(TestScripts.inputs(DataType.FP32, ANY, "x")).build();

        assertTrue(loadFailure(ONE, config).getMessage().startsWith(
                "model configuration must contain at least one output, none were specified. The model has forward(x"));
    }

    @Test
    void refusesStringsOfMoreThanOneDimension() {
        ModelConfig config = TestScripts.config("model").inputs(TestScripts.inputs(DataType.BYTES, Dims.of(2, 2), "x"))
                .outputs(TestScripts.outputs(DataType.BYTES, ANY, "O__0")).build();

        assertFailure(StatusCode.INTERNAL,
                "Triton only supports 1 dimensional List of String as input for 'x' for model 'model'",
                loadFailure("def forward(self, x: List[str]):\n  return x\n", config));
    }

    @Test
    void refusesStringOutputsOfMoreThanOneDimension() {
        ModelConfig config = simple("model").outputs(TestScripts.outputs(DataType.BYTES, Dims.of(1, 1), "O__0"))
                .build();

        assertFailure(StatusCode.INTERNAL,
                "Triton only supports 1 dimensional List of String as output for 'O__0' for model 'model'",
                loadFailure("def forward(self, x):\n  return ['a']\n", config));
    }

    @Test
    void countsTheBatchDimensionOfStrings() {
        ModelConfig config = TestScripts.config("model").maxBatchSize(4)
                .inputs(TestScripts.inputs(DataType.BYTES, Dims.of(1), "x"))
                .outputs(TestScripts.outputs(DataType.BYTES, ANY, "O__0")).build();

        assertFailure(StatusCode.INTERNAL,
                "Triton only supports 1 dimensional List of String as input for 'x' for model 'model'",
                loadFailure("def forward(self, x: List[str]):\n  return x\n", config));
    }

    @Test
    void refusesStringsForATensor() {
        ModelConfig config = TestScripts.config("model").inputs(TestScripts.inputs(DataType.BYTES, ANY, "x"))
                .outputs(TestScripts.outputs(DataType.BYTES, ANY, "O__0")).build();

        assertFailure(StatusCode.INVALID_ARG,
                "input 'x' of model 'model' is TYPE_STRING, but argument 'x' of forward is Tensor",
                loadFailure(ONE, config));
    }

    @Test
    void refusesATensorForStrings() {
        assertFailure(StatusCode.INVALID_ARG,
                "input 'INPUT__0' of model 'model' is TYPE_FP32, but argument 'x' of forward is List[str], expected"
                        + " TYPE_STRING",
                loadFailure("def forward(self, x: List[str]):\n  return x\n", simple("model").build()));
    }

    @Test
    void refusesControlsWithoutAnIndex() {
        Scheduling.ControlInput start = new Scheduling.ControlInput("START",
                List.of(new Scheduling.Control(Scheduling.ControlKind.START, DataType.FP32, 0, 1)));

        assertFailure(StatusCode.INTERNAL, "input 'START' does not follow <name>__<index> naming convention.",
                loadFailure(TWO, two("x__0").scheduling(sequences(List.of(start), List.of())).build()));
    }

    @Test
    void refusesStatesWithoutAnIndex() {
        Scheduling.State state = new Scheduling.State("b", "c", Optional.of(DataType.FP32), ANY, List.of(), false,
                false);

        assertFailure(StatusCode.INVALID_ARG,
                "PyTorch model 'model' is using sequence batching with state but not all inputs and outputs follow the"
                        + " <name>__<index> naming convention. ",
                loadFailure(TWO, two("a").scheduling(sequences(List.of(), List.of(state))).build()));
    }

    @Test
    void feedsStatesAndControls() {
        Scheduling.State state = new Scheduling.State("STATE__2", "NEXT__1", Optional.of(DataType.FP32), ANY, List.of(),
                false, false);
        Scheduling.ControlInput start = new Scheduling.ControlInput("START__1",
                List.of(new Scheduling.Control(Scheduling.ControlKind.START, DataType.FP32, 0, 1)));
        ModelConfig config = simple("model").scheduling(sequences(List.of(start), List.of(state))).build();

        try (TestModel model = load("def forward(self, x, start, state):\n  return x * start, state + x\n", config)) {
            var result = model.infer(TestRequest.of().fp32("INPUT__0", Shape.of(1), 3f)
                    .fp32("START__1", Shape.of(1), 2f).fp32("STATE__2", Shape.of(1), 10f));

            assertEquals(List.of(6f), floats(result.output("OUTPUT__0").floats()));
            assertEquals(List.of(13f), floats(result.output("NEXT__1").floats()));
        }
    }

    private static Scheduling sequences(List<Scheduling.ControlInput> controls, List<Scheduling.State> states) {
        return new Scheduling.SequenceBatching(new Scheduling.Strategy.DirectSlots(0, 0), 1_000_000, controls, states,
                false);
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
        "ENABLE_FREEZING=true", "ENABLE_OPTIMIZE_FOR_INFERENCE=true", "ENABLE_AUTO_WARMUP=false",
        "INTRA_OP_THREAD_COUNT=0", "UNKNOWN=x"})
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
        ModelConfig config = two("x").build();
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

    static List<Float> floats(float[] values) {
        List<Float> list = new java.util.ArrayList<>();
        for (float value : values) {
            list.add(value);
        }
        return list;
    }
}
