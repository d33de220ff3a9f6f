package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.nereid.backend.api.BackendFactory;
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
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The contract, with a model that batches. */
final class OnnxContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new OnnxRuntimeBackendFactory();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("contract").backend("onnxruntime").maxBatchSize(8)
                .inputs(List.of(new ModelInput("A", DataType.FP32, Dims.of(-1)),
                        new ModelInput("B", DataType.FP32, Dims.of(-1))))
                .outputs(List.of(new ModelOutput("SUM", DataType.FP32, Dims.of(-1)),
                        new ModelOutput("DIFFERENCE", DataType.FP32, Dims.of(-1))))
                .build();
    }

    @Override
    protected void writeModel(Path modelDirectory) throws IOException {
        TestGraphs.addSub(DataType.FP32, -1, -1).write(modelDirectory.resolve("1").resolve("model.onnx"));
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(sum(2, 1f, 2f, 3f, 4f), sum(2, 5f, 6f, 7f, 8f), sum(3, 1f, 2f, 3f), sum(1, 9f));
    }

    private static TestRequest sum(int columns, float... values) {
        Shape shape = Shape.of(values.length / columns, columns);
        return TestRequest.of().fp32("A", shape, values).fp32("B", shape, values);
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        float[] sent = request.inputs().getFirst().floats();
        float[] sum = new float[sent.length];
        for (int i = 0; i < sent.length; i++) {
            sum[i] = 2 * sent[i];
        }
        assertArrayEquals(sum, result.output("SUM").floats());
        assertArrayEquals(new float[sent.length], result.output("DIFFERENCE").floats());
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching().withDynamicShapes().withKind(InstanceGroup.Kind.MODEL);
    }

    @Override
    protected long liveResources() {
        return OrtApi.liveObjects();
    }
}
