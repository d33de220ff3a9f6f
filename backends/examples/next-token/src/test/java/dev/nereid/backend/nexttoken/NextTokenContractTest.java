package dev.nereid.backend.nexttoken;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
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
import org.junit.jupiter.api.Test;

/** The contract of every backend, and what this one answers. */
class NextTokenContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new NextTokenBackendFactory();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("writer").backend("next-token").isDecoupled(true)
                .inputs(List.of(new ModelInput("TOKENS", DataType.INT64, Dims.of(Dims.ANY))))
                .outputs(List.of(new ModelOutput("TOKEN", DataType.INT64, Dims.of(1))))
                .parameters(Map.of("call_model", "countdown", "max_tokens", "5")).build();
    }

    private static TestRequest request(long... tokens) {
        return TestRequest.of().int64("TOKENS", Shape.of(tokens.length), tokens);
    }

    /** Rates the token below the last one best. */
    @Override
    protected void offerModels(TestEngine testEngine) {
        testEngine.offer("countdown", request -> {
            long[] tokens = request.inputs().getFirst().longs();
            float[] scores = new float[10];
            scores[(int) tokens[tokens.length - 1] - 1] = 1;
            return TestResult.of(TestTensor.fp32("OUTPUT0", Shape.of(10), scores));
        });
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(request(2), request(9, 2));
    }

    @Override
    protected List<TestRequest> streamRequests() {
        return List.of(request(1), request(4), request(9));
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withDynamicShapes().withDecoupled();
    }

    private List<Long> continuation(long... tokens) {
        try (TestEngine engine = TestEngine.start(factory())) {
            offerModels(engine);
            try (TestModel model = engine.load(Path.of(""), config())) {
                return model.infer(request(tokens)).responses().stream()
                        .map(response -> response.outputs().getFirst().longs()[0]).toList();
            }
        }
    }

    @Test
    void streamsTokensUntilTheEnd() {
        assertEquals(List.of(3L, 2L, 1L), continuation(4));
    }

    @Test
    void endsWhereThereAreEnough() {
        assertEquals(List.of(8L, 7L, 6L, 5L, 4L), continuation(9));
    }
}
