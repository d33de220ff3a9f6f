package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.util.List;
import java.util.Set;

/** The contract, with a model that adds two inputs. */
abstract class AdditionContractTest extends BackendContractTest {
    @Override
    protected ModelConfig config() {
        return Plans.additionConfig("contract").build();
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(sum(2, 1f, 2f, 3f, 4f), sum(2, 5f, 6f), sum(3, 1f, 2f, 3f));
    }

    private static TestRequest sum(int columns, float... values) {
        Shape shape = Shape.of(values.length / columns, columns);
        return TestRequest.of().fp32("INPUT0", shape, values).fp32("INPUT1", shape, values);
    }

    @Override
    protected List<TestRequest> refusedRequests() {
        // More columns than the engine's profile allows.
        return List.of(sum(17, new float[17]));
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        float[] expected = request.inputs().getFirst().floats().clone();
        for (int i = 0; i < expected.length; i++) {
            expected[i] *= 2;
        }
        assertArrayEquals(expected, result.output("OUTPUT0").floats());
    }

    @Override
    protected BackendAbilities abilities() {
        return new BackendAbilities(true, true, false, Set.of(InstanceGroup.Kind.GPU));
    }

    @Override
    protected boolean isGpuPresent() {
        return true;
    }
}
