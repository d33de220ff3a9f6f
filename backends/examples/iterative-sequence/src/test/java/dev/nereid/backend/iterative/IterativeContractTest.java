package dev.nereid.backend.iterative;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling.Direct;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.Strategy;
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
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The contract of every backend, and what this one answers. */
class IterativeContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new IterativeBackendFactory();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("count").backend("iterative_sequence").isDecoupled(true).maxBatchSize(4)
                .scheduling(new SequenceBatching(new Strategy.DirectSlots(0, 0), 1_000_000, List.of(), List.of(), true))
                .parameters(Map.of("ROUND_DELAY_MS", "0"))
                .inputs(List.of(new ModelInput("INPUT", DataType.INT32, Dims.of(1))))
                .outputs(List.of(new ModelOutput("OUTPUT", DataType.INT32, Dims.of(1)))).build();
    }

    private static TestRequest request(long sequence, int number) {
        return new TestRequest("", List.of(TestTensor.int32("INPUT", Shape.of(1, 1), number)), Set.of(), Map.of(),
                new CorrelationId.Numeric(sequence), true, false, 0, false);
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(request(1, 1), request(2, 1));
    }

    @Override
    protected List<TestRequest> streamRequests() {
        return List.of(request(1, 1), request(2, 3));
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching().withDecoupled();
    }

    private static List<TestTensor> outputs(TestResult result) {
        return result.responses().stream().map(response -> response.outputs().getFirst()).toList();
    }

    private static List<TestTensor> countdown(int from) {
        return IntStream.range(0, from).mapToObj(i -> TestTensor.int32("OUTPUT", Shape.of(1, 1), from - 1 - i))
                .toList();
    }

    @Test
    void countsEachSequenceDownOnItsOwn() {
        try (TestEngine engine = TestEngine.start(factory());
                TestModel model = engine.load(Path.of(""), config())) {
            List<TestResult> results = model.execute(request(1, 4), request(2, 1), request(3, 2));
            assertEquals(countdown(4), outputs(results.get(0)));
            assertEquals(countdown(1), outputs(results.get(1)));
            assertEquals(countdown(2), outputs(results.get(2)));
        }
    }

    @Test
    void aModelThatIsNotIterativeAnswersWhy() {
        ModelConfig plain = config().toBuilder().scheduling(new Direct()).build();
        try (TestEngine engine = TestEngine.start(factory()); TestModel model = engine.load(Path.of(""), plain)) {
            TestResult result = model.infer(request(1, 3));
            assertEquals(List.of(), result.responses());
            assertEquals("Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE, while the model is not"
                    + " configured to handle such a flag.", result.failure().getMessage());
            assertEquals(countdown(1), outputs(model.infer(request(1, 1))));
        }
    }
}
