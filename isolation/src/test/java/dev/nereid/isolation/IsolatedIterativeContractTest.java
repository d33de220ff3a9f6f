package dev.nereid.isolation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestTensor;
import dev.nereid.backend.iterative.IterativeBackendFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The contract of every backend, kept by one in another process: requests that are executed again and again. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class IsolatedIterativeContractTest extends BackendContractTest {
    @TempDir
    private static Path backends;

    @Override
    protected BackendFactory factory() {
        return new RemoteFactory(new IterativeBackendFactory(), backends);
    }

    @Override
    @Test
    public void factoryFitsTheContract() {
        assertEquals("iterative_sequence", factory().name());
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
}
