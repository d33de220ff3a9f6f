package dev.nereid.backend.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.util.List;
import java.util.Optional;

class IdentityContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new IdentityBackendFactory();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("ident").backend("identity").maxBatchSize(8)
                .inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1, 2)),
                        new ModelInput("INPUT1", Optional.of(DataType.BYTES), ModelInput.Format.NONE, Dims.of(1),
                                Optional.empty(), false, false, true, false)))
                .outputs(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(-1, 2)),
                        new ModelOutput("OUTPUT1", DataType.BYTES, Dims.of(1))))
                .build();
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(
                TestRequest.of().fp32("INPUT0", Shape.of(1, 1, 2), 1, 2).strings("INPUT1", Shape.of(1, 1), "one"),
                TestRequest.of().fp32("INPUT0", Shape.of(2, 1, 2), 3, 4, 5, 6).strings("INPUT1", Shape.of(2, 1), "two",
                        ""),
                TestRequest.of().fp32("INPUT0", Shape.of(1, 2, 2), 7, 8, 9, 10).strings("INPUT1", Shape.of(1, 1), "x"));
    }

    @Override
    protected List<TestRequest> refusedRequests() {
        return List.of(sampleRequests().getFirst().parameter("fail", Parameter.of("as asked")));
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching().withDynamicShapes().withOptionalInputs()
                .withKind(InstanceGroup.Kind.MODEL);
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        assertEquals(request.inputs().stream().map(input -> input.name().replace("IN", "OUT")).toList(),
                result.outputs().stream().map(TestTensor::name).toList());
        for (TestTensor input : request.inputs()) {
            assertEquals(TestTensor.of(input.name().replace("IN", "OUT"), input.dataType(), input.shape(),
                    input.bytes()), result.output(input.name().replace("IN", "OUT")));
        }
    }
}
