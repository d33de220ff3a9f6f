package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The contract, with a model that has an optional input: such a model can't batch. All models share threads here. */
final class OptionalInputContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new OnnxRuntimeBackendFactory();
    }

    @Override
    protected Map<String, String> settings() {
        return Map.of("enable-global-threadpool", "1", "intra_op_thread_count", "2", "inter_op_thread_count", "1");
    }

    @Override
    protected ModelConfig config() {
        return TestGraphs.optionalConfig().build();
    }

    @Override
    protected void writeModel(Path modelDirectory) throws IOException {
        TestGraphs.optional().write(modelDirectory.resolve("1").resolve("model.onnx"));
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(TestRequest.of().fp32("A", Shape.of(2), 1, 2).fp32("B", Shape.of(1), 5),
                TestRequest.of().fp32("A", Shape.of(3), 1, 2, 3), TestRequest.of().fp32("A", Shape.of(1), 7));
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        float[] sent = request.inputs().getFirst().floats();
        float added = request.inputs().size() > 1 ? request.inputs().get(1).floats()[0] : 10;
        float[] expected = new float[sent.length];
        for (int i = 0; i < sent.length; i++) {
            expected[i] = sent[i] + added;
        }
        assertArrayEquals(expected, result.output("SUM").floats());
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withOptionalInputs().withDynamicShapes().withKind(InstanceGroup.Kind.MODEL);
    }

    @Override
    protected long liveResources() {
        return OrtApi.liveObjects();
    }
}
