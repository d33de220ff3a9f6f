package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestTimes;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What statistics tell of executions of which one part takes far longer than another. */
final class ExecutionTimesTest extends TorchTest {
    private static final int MANY = 10_000_000;

    /** Returns the least that each part took: what else the machine does can only add to it. */
    private static TestTimes times(TestModel model, TestRequest... requests) {
        // libtorch compiles in the first ones.
        List<TestTimes> all = Stream.generate(() -> {
            model.execute(requests).forEach(result -> result.response());
            return model.lastTimes();
        }).limit(6).toList();
        return new TestTimes(all.stream().mapToLong(TestTimes::inputNanos).min().orElseThrow(),
                all.stream().mapToLong(TestTimes::inferNanos).min().orElseThrow(),
                all.stream().mapToLong(TestTimes::outputNanos).min().orElseThrow());
    }

    @Test
    void forwardIsInfer() {
        String source = """
                def forward(self, x):
                  y = x.expand([128, 128])
                  for i in range(200):
                    y = torch.tanh(torch.matmul(y, y))
                  return y[0]
                """;

        try (TestModel model = load(source)) {
            TestTimes times = times(model, TestRequest.of().fp32("INPUT__0", Shape.of(1), 0.01f));

            assertTrue(times.inferNanos() > times.inputNanos() + times.outputNanos(), times::toString);
        }
    }

    @Test
    void gatheringABatchIsInput() {
        ModelConfig config = simple("model").maxBatchSize(2).build();
        TestRequest request = TestRequest.of().fp32("INPUT__0", Shape.of(1, MANY), new float[MANY]);

        try (TestModel model = load("def forward(self, x):\n  return x[:, :1]\n", config)) {
            TestTimes times = times(model, request, request);

            // The engine looks through the inputs when the answers are sent, so the output takes its time here.
            assertTrue(times.inputNanos() > times.inferNanos(), times::toString);
        }
    }

    @Test
    void writingOutAViewIsOutput() {
        try (TestModel model = load("def forward(self, x):\n  return x.expand([" + MANY + "])\n")) {
            TestTimes times = times(model, TestRequest.of().fp32("INPUT__0", Shape.of(1), 1f));

            assertTrue(times.outputNanos() > times.inputNanos() + times.inferNanos(), times::toString);
        }
    }
}
