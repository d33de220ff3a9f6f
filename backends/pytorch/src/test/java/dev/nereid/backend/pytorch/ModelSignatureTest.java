package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which arguments and results of {@code forward} the inputs and outputs of a configuration stand for. */
final class ModelSignatureTest extends TorchTest {
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
    void theLogSaysWhatIsSwitchedOnInTheWordsOfTheReference() {
        ModelConfig config = two("x", "y").parameters(Map.of("INFERENCE_MODE", "false",
                "DISABLE_OPTIMIZED_EXECUTION", "true", "ENABLE_WEIGHT_SHARING", "true", "DISABLE_CUDNN", "true"))
                .build();
        try (RecordedLog log = RecordedLog.of(PyTorchModel.class)) {
            load(TWO, two("x", "y").build()).close();
            load(TWO, config).close();

            assertEquals(List.of("Optimized execution is enabled for model instance 'model'",
                    "Cache Cleaning is disabled for model instance 'model'",
                    "Inference Mode is enabled for model instance 'model'",
                    "cuDNN is enabled for model instance 'model'",
                    "Weight sharing is disabled for model instance 'model'",
                    "Optimized execution is disabled for model instance 'model'",
                    "Cache Cleaning is disabled for model instance 'model'",
                    "Inference Mode is disabled for model instance 'model'",
                    "cuDNN is disabled for model instance 'model'",
                    "Weight sharing is enabled for model instance 'model'"),
                    log.texts(Level.INFO).stream().filter(line -> line.endsWith("for model instance 'model'"))
                            .toList());
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
    void refusesAStateWithoutAnIndexBesideInputsThatHaveOne() {
        Scheduling.State state = new Scheduling.State("b", "c", Optional.of(DataType.FP32), ANY, List.of(), false,
                false);

        assertFailure(StatusCode.INVALID_ARG,
                "PyTorch model 'model' is using sequence batching with state but state 'b' does not follow the"
                        + " <name>__<index> naming convention. ",
                loadFailure(TWO, two("x__0").scheduling(sequences(List.of(), List.of(state))).build()));
    }

    @Test
    void refusesAnIdThatIsAText() {
        Scheduling.ControlInput id = new Scheduling.ControlInput("ID__1",
                List.of(new Scheduling.Control(Scheduling.ControlKind.CORRELATION_ID, DataType.BYTES, 0, 0)));

        assertFailure(StatusCode.INTERNAL, "input 'ID__1' type 'TYPE_STRING' is not supported by PyTorch.",
                loadFailure(TWO, two("x__0").scheduling(sequences(List.of(id), List.of())).build()));
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
}
