package com.example.scale;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.util.List;

class ScaleContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new ScaleBackendFactory();
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching().withDynamicShapes();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("double").maxBatchSize(8)
                .inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1))))
                .outputs(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(-1)))).build();
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(TestRequest.of().fp32("INPUT0", Shape.of(1, 2), 1, 2),
                TestRequest.of().fp32("INPUT0", Shape.of(2, 2), 3, 4, 5, 6),
                TestRequest.of().fp32("INPUT0", Shape.of(1, 3), 7, 8, 9));
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        assertEquals(2 * request.inputs().getFirst().floats()[0], result.output("OUTPUT0").floats()[0]);
    }
}
