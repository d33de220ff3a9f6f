package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ExecutionTest extends TorchTest {
    private static final Shape TWO = Shape.of(2);

    @Test
    void answersWhatLibtorchAnswers() {
        String source = "def forward(self, x):\n  return torch.tanh(x) * torch.exp(x) / 3.0\n";
        Random random = new Random(1);
        float[] values = new float[50_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat();
        }

        try (TestModel model = load(source)) {
            float[] served = model.infer(fp32(values)).output("OUTPUT__0").floats();

            assertArrayEquals(direct(values), served, 0f);
        }
    }

    private float[] direct(float[] values) {
        try (PointerScope scope = new PointerScope()) {
            JitModule module = torch.load(directory.resolve("model/1/model.pt").toString());
            scope.attach(module);
            Tensor input = torch.from_blob(new FloatPointer(values), values.length);
            Tensor output = module.forward(new IValueVector(new IValue(input))).toTensor();
            float[] result = new float[values.length];
            new FloatPointer(output.data_ptr()).get(result);
            return result;
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "BYTES")
    void passesEveryDatatype(DataType dataType) {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(dataType, ANY, "INPUT__0"),
                TestScripts.outputs(dataType, ANY, "OUTPUT__0"));
        TestTensor input = TestTensor.counting("INPUT__0", dataType, Shape.of(5));

        try (TestModel model = load("def forward(self, x):\n  return torch.clone(x)\n", config)) {
            TestTensor output = model.infer(TestRequest.of(input)).output("OUTPUT__0");

            assertEquals(dataType, output.dataType());
            assertArrayEquals(input.bytes(), output.bytes());
        }
    }

    @Test
    void passesEmptyTensors() {
        try (TestModel model = load("def forward(self, x):\n  return x * 2\n")) {
            TestTensor output = model.infer(fp32()).output("OUTPUT__0");

            assertEquals(Shape.of(0), output.shape());
        }
    }

    @Test
    void handsOnNoMemoryOfTheRequest() {
        float[] values = new float[20_000];
        values[7] = 3f;

        try (TestModel model = load("def forward(self, x):\n  return x\n")) {
            // The engine closes the inputs with the answer, and reads outputs after it.
            assertArrayEquals(values, model.infer(fp32(values)).output("OUTPUT__0").floats());
        }
    }

    @Test
    void handsOnNoMemoryOfTheModel() {
        String source = "def forward(self, x):\n  self.state.add_(x[0])\n  return self.state\n";

        try (TestModel model = load(source)) {
            List<TestResult> results = List.of(model.infer(fp32(1f)), model.infer(fp32(1f)));

            assertEquals(1f, results.get(0).output("OUTPUT__0").floats()[19_999]);
            assertEquals(2f, results.get(1).output("OUTPUT__0").floats()[19_999]);
        }
    }

    /** Executes a model that answers with what it kept of its last input. */
    private void assertKeeps(String kept) {
        String source = "def forward(self, x):\n  last = self.state[:3]\n  self.state = " + kept + "\n  return last\n";

        try (TestModel model = load(source)) {
            model.infer(fp32(1f, 2f, 3f)).response();

            // The first request's memory is gone by now.
            assertArrayEquals(new float[]{1f, 2f, 3f},
                    model.infer(fp32(4f, 5f, 6f)).output("OUTPUT__0").floats());
            assertArrayEquals(new float[]{4f, 5f, 6f},
                    model.infer(fp32(7f, 8f, 9f)).output("OUTPUT__0").floats());
        }
    }

    @Test
    void letsAModelKeepItsInput() {
        assertKeeps("x");
    }

    @Test
    void letsAModelKeepAViewOfItsInput() {
        assertKeeps("x[None][0]");
    }

    @Test
    void letsAModelChangeItsInput() {
        String source = "def forward(self, x):\n  x.mul_(2)\n  x.resize_(2)\n  x.unsqueeze_(0)\n  return x[0], x\n";

        try (TestModel model = load(source)) {
            for (int i = 1; i < 4; i++) {
                TestTensor output = model.infer(fp32(i, i, i)).output("OUTPUT__0");

                assertArrayEquals(new float[]{2f * i, 2f * i}, output.floats());
            }
        }
    }

    @Test
    void leavesTheRequestsMemoryAsItIs() {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(DataType.UINT8, ANY, "INPUT__0"),
                TestScripts.outputs(DataType.UINT8, ANY, "OUTPUT__0"));

        // Bytes need no copy for their alignment. The test engine looks whether they have changed.
        try (TestModel model = load("def forward(self, x):\n  x.mul_(2)\n  return x + 1\n", config)) {
            TestTensor output = model
                    .infer(TestRequest.of(TestTensor.of("INPUT__0", DataType.UINT8, TWO, (byte) 3, (byte) 4)))
                    .output("OUTPUT__0");

            assertArrayEquals(new byte[]{7, 9}, output.bytes());
        }
    }

    @Test
    void takesInputsOfOtherShapesEachTime() {
        ModelConfig config = simple("model").inputs(TestScripts.inputs(DataType.FP32, Dims.of(-1, -1), "INPUT__0"))
                .build();

        try (TestModel model = load("def forward(self, x):\n  return x.flatten() + 1\n", config)) {
            for (int rows = 0; rows < 4; rows++) {
                TestRequest request = TestRequest.of().fp32("INPUT__0", Shape.of(rows, 2), new float[2 * rows]);

                assertEquals(Shape.of(2L * rows), model.infer(request).output("OUTPUT__0").shape());
            }
        }
    }

    @Test
    void goesOnAfterAFailureBeforeAndAfterForward() {
        ModelConfig config = simple("model").maxBatchSize(8).build();

        try (TestModel model = load("def forward(self, x):\n  return x if x.size(0) > 1 else x > 0\n", config)) {
            for (int i = 0; i < 3; i++) {
                assertEquals(StatusCode.INVALID_ARG, model.infer(rows(1, 1f)).failure().code());
                List<TestResult> unlike = model.execute(rows(1, 1f, 2f), rows(1, 3f));
                assertEquals(StatusCode.INVALID_ARG, unlike.getFirst().failure().code());
                assertArrayEquals(new float[]{5f, 6f}, model.infer(rows(2, 5f, 6f)).output("OUTPUT__0").floats());
            }
        }
    }

    @Test
    void checksArgumentsThatNoInputFits() {
        try (TestModel model = load("def forward(self, x: List[int]):\n  return torch.tensor(x)\n")) {
            assertEquals(StatusCode.INTERNAL, failure(model).code());
        }
    }

    @Test
    void tellsWhatFailedWithoutAStackAndGoesOn() {
        String source = "def forward(self, x):\n  return torch.matmul(x, self.weight)[None]\n";

        try (TestModel model = load(source)) {
            InferenceException failure = model.infer(fp32(1f, 2f, 3f)).failure();

            assertEquals(StatusCode.INTERNAL, failure.code());
            assertEquals("PyTorch execute failure: The following operation failed in the TorchScript interpreter."
                    + " RuntimeError: inconsistent tensor size, expected tensor [3] and src [2] to have the same number"
                    + " of elements, but got 3 and 2 elements respectively", failure.getMessage());
            assertArrayEquals(new float[]{6f}, model.infer(fp32(1f, 2f)).output("OUTPUT__0").floats());
        }
    }

    /** As traced files do that were made on a GPU. Where there is one, it works. */
    @ParameterizedTest
    @ValueSource(strings = {"x + torch.zeros([1], device='cuda')", "x.to('cuda').cpu()", "x.cuda().cpu()",
        "x.to('cuda:0').cpu()"})
    void advisesOnFilesThatAskForAGpuThemselves(String result) {
        assumeTrue(new CudaGpus().obstacle(0).isPresent());

        try (TestModel model = load("def forward(self, x):\n  return " + result + "\n")) {
            String message = failure(model).getMessage();

            assertTrue(message.endsWith(" The file asks for a GPU by itself, and libtorch can't use one here; trace the"
                    + " model on the CPU, or export it with torch.jit.script."), message);
        }
    }

    @Test
    void passesStringsThatAreNoUtf8() {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(DataType.BYTES, ANY, "INPUT__0"),
                TestScripts.outputs(DataType.BYTES, ANY, "OUTPUT__0"));
        TestTensor input = TestTensor.of("INPUT__0", DataType.BYTES, TWO, (byte) 2, (byte) 0, (byte) 0, (byte) 0,
                (byte) 0xFF, (byte) 0xC0, (byte) 0, (byte) 0, (byte) 0, (byte) 0);

        try (TestModel model = load("def forward(self, x: List[str]):\n  return [y + '' for y in x]\n", config)) {
            assertArrayEquals(input.bytes(), model.infer(TestRequest.of(input)).output("OUTPUT__0").bytes());
        }
    }

    @Test
    void passesStrings() {
        ModelConfig config = TestScripts.config("model", TestScripts.inputs(DataType.BYTES, ANY, "INPUT__0"),
                TestScripts.outputs(DataType.BYTES, ANY, "OUTPUT__0"));

        try (TestModel model = load("def forward(self, x: List[str]):\n  return [y + '!' for y in x]\n", config)) {
            TestRequest request = TestRequest.of().strings("INPUT__0", Shape.of(4), "a", "", "h\u00e9\u00e9", "x\0y");

            assertEquals(List.of("a!", "!", "h\u00e9\u00e9!", "x\0y!"),
                    model.infer(request).output("OUTPUT__0").strings());
            assertEquals(List.of(), model.infer(TestRequest.of().strings("INPUT__0", Shape.of(0)))
                    .output("OUTPUT__0").strings());
        }
    }

    @Test
    void keepsTwoInstancesApart() throws InterruptedException {
        ModelConfig config = simple("model")
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2))).build();

        try (TestModel model = load("def forward(self, x):\n  self.state.add_(x[0])\n  return self.state[:1]\n",
                config)) {
            List<Thread> threads = List.of(start(model, 0, 1f), start(model, 1, 2f));
            for (Thread thread : threads) {
                thread.join();
            }

            assertEquals(101f, value(model, 0, 1f));
            assertEquals(202f, value(model, 1, 2f));
        }
    }

    private static Thread start(TestModel model, int instance, float step) {
        return Thread.ofPlatform().start(() -> {
            for (int i = 0; i < 100; i++) {
                value(model, instance, step);
            }
        });
    }

    private static float value(TestModel model, int instance, float step) {
        return model.executeOn(instance, List.of(fp32(step))).getFirst().output("OUTPUT__0").floats()[0];
    }

    @Test
    void executionsLeaveNothing() {
        try (TestModel model = load("def forward(self, x):\n  return torch.relu(x) * 2\n")) {
            float[] large = new float[20_000];
            model.infer(fp32(1f, 2f)).response();
            model.infer(fp32(large)).response();
            long before = Pointer.totalCount();

            for (int i = 0; i < 10_000; i++) {
                model.infer(i % 100 == 0 ? fp32(large) : fp32(1f, 2f)).response();
            }

            assertNoMorePointers(before);
        }
    }

    @Test
    void failuresLeaveNothing() {
        try (TestModel model = load("def forward(self, x):\n  return torch.matmul(x, self.weight)\n")) {
            assertFalse(model.infer(fp32(1f)).failure().getMessage().isEmpty());
            long before = Pointer.totalCount();

            for (int i = 0; i < 100; i++) {
                model.infer(fp32(1f)).failure();
            }

            assertNoMorePointers(before);
        }
    }
}
