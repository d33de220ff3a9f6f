package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.BatchOutput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Requests that are executed together. */
final class BatchesTest extends TorchTest {
    private static final Shape TWO = Shape.of(2);

    @Test
    void splitsBatches() {
        ModelConfig config = simple("model").maxBatchSize(8).build();

        try (TestModel model = load("def forward(self, x):\n  return x * 2\n", config)) {
            List<TestResult> results = model.execute(rows(1, 1f, 2f), rows(2, 3f, 4f, 5f, 6f), rows(1, 7f, 8f));

            assertArrayEquals(new float[]{2f, 4f}, results.get(0).output("OUTPUT__0").floats());
            assertArrayEquals(new float[]{6f, 8f, 10f, 12f}, results.get(1).output("OUTPUT__0").floats());
            assertArrayEquals(new float[]{14f, 16f}, results.get(2).output("OUTPUT__0").floats());
        }
    }

    @Test
    void failsTheRequestsThatTheOutputHasNoRowsFor() {
        ModelConfig config = simple("model").maxBatchSize(8).build();

        try (TestModel model = load("def forward(self, x):\n  return x[:1]\n", config)) {
            List<TestResult> results = model.execute(rows(1, 1f), rows(1, 2f).withId("second"));

            assertArrayEquals(new float[]{1f}, results.get(0).output("OUTPUT__0").floats());
            assertFailure(StatusCode.UNSUPPORTED, "[request id: second] failed to split the output tensor 'OUTPUT__0'"
                    + " in responses: expected batch size of at least 2 in model output, got 1",
                    results.get(1).failure());
        }
    }

    /** Such as what a detector finds: it is not the batch's, and must not be cut without a word. */
    @Test
    void failsTheRequestsOfAnOutputThatHasMoreRows() {
        ModelConfig config = simple("model").maxBatchSize(8).build();

        try (TestModel model = load("def forward(self, x):\n  return torch.cat([x, x + 10])\n", config)) {
            for (TestResult result : model.execute(rows(1, 1f), rows(1, 2f))) {
                assertFailure(StatusCode.UNSUPPORTED, "[request id: <id_unknown>] failed to split the output tensor"
                        + " 'OUTPUT__0' in responses: expected batch size of 2 in model output, got 4",
                        result.failure());
            }
        }
    }

    @Test
    void failsAllRequestsOfAnExecution() {
        ModelConfig config = simple("model").maxBatchSize(8).build();

        try (TestModel model = load("def forward(self, x):\n  assert bool(x.sum() < 5), 'too much'\n  return x\n",
                config)) {
            for (TestResult result : model.execute(rows(1, 1f), rows(1, 9f))) {
                assertFailure(StatusCode.INTERNAL, "PyTorch execute failure: The following operation failed in the"
                        + " TorchScript interpreter. RuntimeError: AssertionError: too much", result.failure());
            }
            assertArrayEquals(new float[]{1f}, model.infer(rows(1, 1f)).output("OUTPUT__0").floats());
        }
    }

    @Test
    void failsTheRequestsThatThereIsNoStringFor() {
        ModelOutput output = new ModelOutput("OUTPUT__0", Optional.of(DataType.BYTES), Dims.of(1),
                Optional.of(Dims.of()), "", false, false);
        ModelConfig config = simple("model").maxBatchSize(8).outputs(List.of(output)).build();

        try (TestModel model = load("def forward(self, x):\n  return ['a']\n", config)) {
            List<TestResult> results = model.execute(rows(1, 1f), rows(1, 2f));

            assertEquals(List.of("a"), results.get(0).output("OUTPUT__0").strings());
            assertFailure(StatusCode.UNSUPPORTED, "[request id: <id_unknown>] failed to split the output tensor"
                    + " 'OUTPUT__0' in responses: expected batch size of at least 2 in model output, got 1",
                    results.get(1).failure());
        }
    }

    @Test
    void splitsStringsOfABatch() {
        ModelInput input = new ModelInput("INPUT__0", Optional.of(DataType.BYTES), ModelInput.Format.NONE, Dims.of(1),
                Optional.of(Dims.of()), false, false, false, false);
        ModelOutput output = new ModelOutput("OUTPUT__0", Optional.of(DataType.BYTES), Dims.of(1),
                Optional.of(Dims.of()), "", false, false);
        ModelConfig config = TestScripts.config("model").maxBatchSize(8).inputs(List.of(input))
                .outputs(List.of(output)).build();

        try (TestModel model = load("def forward(self, x: List[str]):\n  return [y + '!' for y in x]\n", config)) {
            List<TestResult> results = model.execute(TestRequest.of().strings("INPUT__0", Shape.of(1), "a"),
                    TestRequest.of().strings("INPUT__0", TWO, "b", "c"));

            assertEquals(List.of("a!"), results.get(0).output("OUTPUT__0").strings());
            assertEquals(List.of("b!", "c!"), results.get(1).output("OUTPUT__0").strings());
        }
    }

    /** Requests that bring different inputs are executed one after the other, before any response is sent. */
    @Test
    void copiesALargeStateThatTheNextExecutionChanges() {
        ModelInput extra = new ModelInput("EXTRA__1", Optional.of(DataType.FP32), ModelInput.Format.NONE, ANY,
                Optional.empty(), false, false, true, false);
        ModelConfig config = simple("model").maxBatchSize(4)
                .inputs(List.of(new ModelInput("INPUT__0", DataType.FP32, ANY), extra)).build();
        String source = "def forward(self, x, y: Optional[Tensor]):\n  self.state.add_(1)\n  return self.state[None]\n";

        try (TestModel model = load(source, config)) {
            List<TestResult> results = model.execute(rows(1, 1f),
                    rows(1, 1f).fp32("EXTRA__1", Shape.of(1, 1), 1f));

            assertEquals(1f, results.get(0).output("OUTPUT__0").floats()[19_999]);
            assertEquals(2f, results.get(1).output("OUTPUT__0").floats()[19_999]);
        }
    }

    @Test
    void joinsRaggedBatches() {
        ModelInput ragged = new ModelInput("INPUT__0", Optional.of(DataType.FP32), ModelInput.Format.NONE, ANY,
                Optional.empty(), false, true, false, false);
        BatchInput counts = new BatchInput(BatchInput.Kind.ACCUMULATED_ELEMENT_COUNT, List.of("COUNTS__1"),
                Optional.of(DataType.FP32), List.of("INPUT__0"));
        ModelConfig config = simple("model").maxBatchSize(4).inputs(List.of(ragged)).batchInputs(List.of(counts))
                .build();

        try (TestModel model = load("def forward(self, x, c):\n  return (c + x.sum())[:, None]\n", config)) {
            List<TestResult> results = model.execute(rows(1, 1f, 2f), rows(1, 3f));

            assertArrayEquals(new float[]{8f}, results.get(0).output("OUTPUT__0").floats());
            assertArrayEquals(new float[]{9f}, results.get(1).output("OUTPUT__0").floats());
        }
    }

    @Test
    void splitsRaggedOutputsByTheShapeOfAnInput() {
        ModelInput ragged = new ModelInput("INPUT__0", Optional.of(DataType.FP32), ModelInput.Format.NONE, ANY,
                Optional.empty(), false, true, false, false);
        ModelConfig config = simple("model").maxBatchSize(4).inputs(List.of(ragged))
                .batchOutputs(List.of(new BatchOutput(List.of("OUTPUT__0"), List.of("INPUT__0")))).build();

        try (TestModel model = load("def forward(self, x):\n  return x * 2\n", config)) {
            List<TestResult> results = model.execute(rows(1, 1f, 2f), rows(1, 3f));

            assertArrayEquals(new float[]{2f, 4f}, results.get(0).output("OUTPUT__0").floats());
            assertEquals(Shape.of(1, 1), results.get(1).output("OUTPUT__0").shape());
            assertArrayEquals(new float[]{6f}, results.get(1).output("OUTPUT__0").floats());

            TestRequest nothing = TestRequest.of().fp32("INPUT__0", Shape.of(1, 0));
            for (TestResult result : model.execute(nothing, nothing)) {
                assertEquals(Shape.of(1, 0), result.output("OUTPUT__0").shape());
            }
        }
    }
}
