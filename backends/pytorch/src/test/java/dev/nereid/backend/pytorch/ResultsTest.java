package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of the results of {@code forward}. */
final class ResultsTest extends TorchTest {
    @Test
    void makesOutputsContiguous() {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(DataType.FP32, Dims.of(2, 3), "INPUT__0"),
                TestScripts.outputs(DataType.FP32, Dims.of(3, 2), "OUTPUT__0"));

        try (TestModel model = load("def forward(self, x):\n  return (x + 0).t()\n", config)) {
            TestTensor output = model
                    .infer(TestRequest.of().fp32("INPUT__0", Shape.of(2, 3), 1f, 2f, 3f, 4f, 5f, 6f))
                    .output("OUTPUT__0");

            assertEquals(Shape.of(3, 2), output.shape());
            assertArrayEquals(new float[]{1f, 4f, 2f, 5f, 3f, 6f}, output.floats());
        }
    }

    /** Large enough to be sent from where libtorch keeps it. */
    @Test
    void makesLargeOutputsContiguous() {
        ModelConfig config = TestScripts.config("model").maxBatchSize(4)
                .inputs(TestScripts.inputs(DataType.FP32, Dims.of(100, 200), "INPUT__0"))
                .outputs(TestScripts.outputs(DataType.FP32, Dims.of(200, 100), "OUTPUT__0")).build();
        float[] values = new float[100 * 200];
        values[7 * 200 + 3] = 5f;
        TestRequest request = TestRequest.of().fp32("INPUT__0", Shape.of(1, 100, 200), values);

        try (TestModel model = load("def forward(self, x):\n  return (x + 0).transpose(1, 2)\n", config)) {
            for (TestResult result : model.execute(request, request)) {
                assertEquals(5f, result.output("OUTPUT__0").floats()[3 * 100 + 7]);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"x[:1].expand(3)|1 1 1", "x[::2]|1 3", "x.flip(0)|3 2 1",
        "torch.imag(torch.conj(torch.complex(x, x)))|-1 -2 -3", "x[1:]|2 3",
        "torch._neg_view(x + 1)|-2 -3 -4"})
    void writesOutViewsAsTheyRead(String result, String expected) {
        try (TestModel model = load("def forward(self, x):\n  return " + result + "\n")) {
            StringBuilder read = new StringBuilder();
            for (float value : model.infer(fp32(1f, 2f, 3f)).output("OUTPUT__0").floats()) {
                read.append(read.isEmpty() ? "" : " ").append(Math.round(value));
            }
            assertEquals(expected, read.toString());
        }
    }

    /** The memory of an input is the request's, and gone before a response is sent from it. */
    @Test
    void copiesALargeInputThatAModelReturns() {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(DataType.UINT8, ANY, "INPUT__0"),
                TestScripts.outputs(DataType.UINT8, ANY, "OUTPUT__0"));
        // Bytes are aligned wherever they lie, so the model gets the request's memory.
        TestTensor sent = TestTensor.counting("INPUT__0", DataType.UINT8, Shape.of(40_000));

        try (TestModel model = load("def forward(self, x):\n  return x\n", config)) {
            assertArrayEquals(sent.bytes(), model.infer(TestRequest.of(sent)).output("OUTPUT__0").bytes());
        }
    }

    @Test
    void handsOnOutputsThatShareMemory() {
        String source = "def forward(self, x):\n  y = x + 1\n  return y, y[1:], y\n";
        ModelConfig config = simple("model").outputs(TestScripts.outputs(DataType.FP32, ANY, "A__0", "B__1", "C__2"))
                .build();
        float[] values = new float[20_000];
        values[19_999] = 5f;

        try (TestModel model = load(source, config)) {
            TestResult result = model.infer(fp32(values));

            assertEquals(6f, result.output("A__0").floats()[19_999]);
            assertEquals(6f, result.output("B__1").floats()[19_998]);
            assertEquals(6f, result.output("C__2").floats()[19_999]);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"x.to_sparse()", "x[None].to_mkldnn()", "torch.empty([2], device='meta')",
        "torch.zeros([1 << 50])", "x[:1].expand(1 << 50)"})
    void survivesResultsThatHaveNoMemory(String result) {
        String source = "def forward(self, x):\n  return " + result + " if bool(x[0] > 1) else x\n";

        try (TestModel model = load(source)) {
            InferenceException failure = model.infer(fp32(2f, 2f)).failure();

            assertEquals(StatusCode.INTERNAL, failure.code());
            assertTrue(failure.getMessage().startsWith("PyTorch execute failure: "), failure.getMessage());
            assertArrayEquals(new float[]{1f}, model.infer(fp32(1f)).output("OUTPUT__0").floats());
        }
    }

    @Test
    void takesTuplesWithNames() {
        ModelConfig config = simple("model").outputs(List.of(new ModelOutput("VALUE__0", DataType.FP32, ANY),
                new ModelOutput("INDEX__1", DataType.INT64, ANY))).build();

        try (TestModel model = load("def forward(self, x):\n  return torch.max(x, 0, True)\n", config)) {
            assertArrayEquals(new float[]{3f}, model.infer(fp32(1f, 3f)).output("VALUE__0").floats());
        }
    }

    @Test
    void takesStringsInTuples() {
        ModelConfig config = simple("model").outputs(List.of(new ModelOutput("TEXT__1", DataType.BYTES, ANY),
                new ModelOutput("OUTPUT__0", DataType.FP32, ANY))).build();

        try (TestModel model = load("def forward(self, x):\n  return x, ['a', 'b']\n", config)) {
            TestResult result = model.infer(fp32(1f));

            assertEquals(List.of("a", "b"), result.output("TEXT__1").strings());
            assertArrayEquals(new float[]{1f}, result.output("OUTPUT__0").floats());
        }
    }

    @Test
    void ignoresResultsThatAreNotConfigured() {
        try (TestModel model = load("def forward(self, x):\n  return x, {'a': x}, 3\n")) {
            assertArrayEquals(new float[]{1f}, model.infer(fp32(1f)).output("OUTPUT__0").floats());
        }
    }

    @Test
    void refusesAnOutputThatTheModelLacks() {
        ModelConfig config = simple("model").outputs(TestScripts.outputs(DataType.FP32, ANY, "OUTPUT__2")).build();

        try (TestModel model = load("def forward(self, x):\n  return x, x\n", config)) {
            assertFailure(StatusCode.INVALID_ARG, "The output OUTPUT__2 in the model configuration refers to an output"
                    + " index which doesn't exist. This model has 2 outputs", failure(model));
        }
    }

    @Test
    void refusesAnotherDatatype() {
        try (TestModel model = load("def forward(self, x):\n  return x > 0\n")) {
            assertFailure(StatusCode.INVALID_ARG, "configuration expects datatype TYPE_FP32 for output 'OUTPUT__0',"
                    + " model provides TYPE_BOOL", failure(model));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"torch.complex(x, x)|FP32|TYPE_FP32|TYPE_INVALID",
        "['a']|FP32|TYPE_FP32|TYPE_STRING", "x|BYTES|TYPE_STRING|TYPE_FP32"})
    void refusesWhatNoDatatypeStandsFor(String result, DataType configured, String expected, String provided) {
        ModelConfig config = simple("model").outputs(TestScripts.outputs(configured, ANY, "OUTPUT__0")).build();

        try (TestModel model = load("def forward(self, x):\n  return " + result + "\n", config)) {
            assertFailure(StatusCode.INVALID_ARG, "configuration expects datatype " + expected
                    + " for output 'OUTPUT__0', model provides " + provided, failure(model));
        }
    }

    @Test
    void refusesScalars() {
        try (TestModel model = load("def forward(self, x):\n  return x.sum()\n")) {
            assertFailure(StatusCode.INVALID_ARG, "output 'OUTPUT__0' is a scalar which is not supported.",
                    failure(model));
        }
    }

    private void assertRefusedResult(String result) {
        try (TestModel model = load("def forward(self, x):\n  return " + result + "\n")) {
            assertFailure(StatusCode.INTERNAL, "PyTorch execute failure: output must be of type Tensor, List[str] or"
                    + " Tuple containing one of these two types. It should not be a List / Dictionary of Tensors or a"
                    + " Scalar", failure(model));
        }
    }

    @Test
    void refusesAListOfTensors() {
        assertRefusedResult("[x]");
    }

    @Test
    void refusesADictionary() {
        assertRefusedResult("{'a': x}");
    }

    @Test
    void refusesANumber() {
        assertRefusedResult("3");
    }

    @Test
    void refusesNone() {
        assertRefusedResult("None");
    }

    @Test
    void refusesAListOfListsOfStrings() {
        assertRefusedResult("[['a']]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[x]", "(x, x)", "{'a': x}", "None", "3", "'a'"})
    void refusesATupleOfOtherThings(String first) {
        try (TestModel model = load("def forward(self, x):\n  return " + first + ", x\n")) {
            assertFailure(StatusCode.INVALID_ARG, "output 'OUTPUT__0' must be of type Tensor or List[str].",
                    failure(model));
        }
    }
}
