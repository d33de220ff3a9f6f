package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.javacpp.Pointer;

final class PyTorchContractTest extends BackendContractTest {
    private static final String SOURCE = """
            def forward(self, INPUT0, INPUT1: Optional[Tensor] = None):
              if INPUT1 is None:
                return INPUT0 * 2.0
              return INPUT0 + INPUT1
            """;

    @Override
    protected BackendFactory factory() {
        return new PyTorchBackendFactory();
    }

    @Override
    protected ModelConfig config() {
        ModelInput optional = new ModelInput("INPUT1", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(-1),
                Optional.empty(), false, false, true, false);
        return TestScripts.config("contract").maxBatchSize(8)
                .inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1)), optional))
                .outputs(TestScripts.outputs(DataType.FP32, Dims.of(-1), "OUTPUT0")).build();
    }

    @Override
    protected void writeModel(Path modelDirectory) {
        TestScripts.write(modelDirectory, SOURCE);
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(sum(2, 1f, 2f, 3f, 4f), sum(2, 5f, 6f, 7f, 8f), sum(3, 1f, 2f, 3f),
                TestRequest.of().fp32("INPUT0", Shape.of(1, 2), 4f, 5f));
    }

    private static TestRequest sum(int columns, float... values) {
        Shape shape = Shape.of(values.length / columns, columns);
        return TestRequest.of().fp32("INPUT0", shape, values).fp32("INPUT1", shape, values);
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        float[] sent = request.inputs().getFirst().floats();
        float[] expected = new float[sent.length];
        for (int i = 0; i < sent.length; i++) {
            expected[i] = 2 * sent[i];
        }
        assertArrayEquals(expected, result.output("OUTPUT0").floats());
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching().withDynamicShapes().withOptionalInputs()
                .withKind(InstanceGroup.Kind.MODEL).withKind(InstanceGroup.Kind.GPU);
    }

    @Override
    protected long liveResources() {
        // What other tests left as garbage must not go in the middle of a comparison.
        long count = Long.MAX_VALUE;
        while (Pointer.totalCount() < count) {
            count = Pointer.totalCount();
            System.gc();
            LockSupport.parkNanos(20_000_000);
        }
        return count;
    }
}
