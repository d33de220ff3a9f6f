package dev.nereid.backend.imagepreprocess;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.util.List;
import java.util.Map;

/** The same rules for a model that calls another one: here one that doubles. */
class CallingContractTest extends ImagePreprocessContractTest {
    @Override
    protected ModelConfig config() {
        return super.config().toBuilder().outputs(List.of(new ModelOutput("DOUBLE", DataType.FP32, Dims.of(3, 2, 4))))
                .parameters(Map.of("call_model", "doubler", "call_input", "X", "size", "4x2")).build();
    }

    @Override
    protected void offerModels(TestEngine testEngine) {
        testEngine.offer("doubler", request -> {
            TestTensor input = request.inputs().getFirst();
            assertEquals("X", input.name());
            float[] values = input.floats();
            for (int i = 0; i < values.length; i++) {
                values[i] *= 2;
            }
            return TestResult.of(TestTensor.fp32("DOUBLE", input.shape(), values));
        });
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        assertEquals(2f, result.output("DOUBLE").floats()[0], 0.04f);
    }
}
