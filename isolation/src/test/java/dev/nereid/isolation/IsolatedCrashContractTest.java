package dev.nereid.isolation;

import static org.junit.jupiter.api.Assertions.assertEquals;

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
import dev.nereid.backend.api.testkit.TestTensor;
import dev.nereid.backend.crash.CrashBackendFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The contract of every backend, kept by one in another process: one answer for each request, strings, optional inputs. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class IsolatedCrashContractTest extends BackendContractTest {
    @TempDir
    private static Path backends;

    @Override
    protected BackendFactory factory() {
        return new RemoteFactory(new CrashBackendFactory(), backends);
    }

    @Override
    @Test
    public void factoryFitsTheContract() {
        assertEquals("crash", factory().name());
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("ident").backend("crash").maxBatchSize(8)
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
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching().withDynamicShapes().withOptionalInputs()
                .withKind(InstanceGroup.Kind.MODEL);
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        for (TestTensor input : request.inputs()) {
            String output = input.name().replace("IN", "OUT");
            assertEquals(TestTensor.of(output, input.dataType(), input.shape(), input.bytes()), result.output(output));
        }
    }
}
