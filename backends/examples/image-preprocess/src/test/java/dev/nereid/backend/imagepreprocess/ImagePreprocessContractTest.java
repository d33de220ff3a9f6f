package dev.nereid.backend.imagepreprocess;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.util.List;

class ImagePreprocessContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new ImagePreprocessBackendFactory();
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("pictures").backend("image-preprocess").maxBatchSize(8)
                .inputs(List.of(new ModelInput("IMAGE", DataType.BYTES, Dims.of(1))))
                .outputs(List.of(new ModelOutput("TENSOR", DataType.FP32, Dims.of(3, 2, 4)))).build();
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(TestRequest.of(Pictures.input(true, Pictures.of("png", 8, 6, 0xff0000))),
                TestRequest.of(Pictures.input(true, Pictures.of("jpeg", 3, 3, 0xffffff),
                        Pictures.of("png", 1, 1, 0x00ff00))));
    }

    @Override
    protected List<TestRequest> refusedRequests() {
        return List.of(TestRequest.of(Pictures.input(true, new byte[]{1, 2, 3})),
                TestRequest.of(Pictures.input(true, Pictures.bomb(60_000, 60_000))));
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        assertEquals(1f, result.outputs().getFirst().floats()[0], 0.02f);
    }
}
