package dev.nereid.backend.square;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The contract of every backend, and what this one answers. */
class SquareContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new SquareBackendFactory();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("square").backend("square").isDecoupled(true)
                .inputs(List.of(new ModelInput("IN", DataType.INT32, Dims.of(1))))
                .outputs(List.of(new ModelOutput("OUT", DataType.INT32, Dims.of(1)))).build();
    }

    private static TestRequest request(int number) {
        return TestRequest.of().int32("IN", Shape.of(1), number);
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(request(1), request(1).withId("again"));
    }

    @Override
    protected List<TestRequest> streamRequests() {
        return List.of(request(0), request(1), request(3));
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withDecoupled();
    }

    @Test
    void leavesAnswersOutAndFailsWhereTheModelSaysSo() {
        ModelConfig mixed = config().toBuilder()
                .parameters(Map.of("CUSTOM_FAIL_COUNT", "1", "CUSTOM_EMPTY_COUNT", "1")).build();
        try (TestEngine engine = TestEngine.start(factory());
                TestModel model = engine.load(Path.of(""), mixed)) {
            TestResult four = model.infer(request(4));
            assertEquals(List.of(TestTensor.int32("OUT", Shape.of(1), 4)), four.responses().get(1).outputs());
            assertEquals(2, four.responses().size());
            assertEquals("simulated failure", four.failure().getMessage());
            assertEquals(StatusCode.UNKNOWN, four.failure().code());

            assertEquals(0, model.infer(request(2)).responses().size());
            assertEquals(new TestResult(List.of(), Optional.empty()), model.infer(request(1)));
        }
    }
}
