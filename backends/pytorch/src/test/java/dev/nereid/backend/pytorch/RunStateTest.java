package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What libtorch is told before a model runs: seen by a module that answers with its input. */
final class RunStateTest {
    private final List<State> seen = new ArrayList<>();
    private final TestEngine engine = TestEngine.start(new TestFactory(this::create), Path.of(""),
            Map.of("cpu-cores", "4"));

    /** What holds for the thread that runs a module. */
    private record State(boolean isInference, boolean hasGradients, boolean isOptimized, int threads) {
        static State current() {
            return new State(InferenceMode.is_enabled(), GradMode.is_enabled(), torch.getGraphExecutorOptimize(),
                    torch.get_num_threads());
        }
    }

    private final class Module implements LoadedModule {
        @Override
        public ForwardSignature signature() {
            return new ForwardSignature(List.of(new ForwardSignature.Argument("x", ForwardSignature.Kind.TENSOR,
                    "Tensor", "Tensor")), "Tensor", 1, List.of());
        }

        @Override
        public List<IValue> run(IValueVector stack) {
            seen.add(State.current());
            if (seen.size() == 2) {
                throw new IllegalStateException("the second run fails");
            }
            return List.of(stack.get(0));
        }

        @Override
        public Type.TypePtr listElementType(int position) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
        }
    }

    private Backend create(BackendContext context) {
        TorchEnvironment environment = TorchEnvironment.create(context, new FakeGpus());
        return model -> new Loaded(model, environment);
    }

    private final class Loaded implements Model {
        private final ModelConfig config;
        private final TorchEnvironment environment;

        Loaded(ModelContext context, TorchEnvironment environment) {
            this.config = context.config();
            this.environment = environment;
        }

        @Override
        public ModelInstance createInstance(InstanceContext context) {
            Module module = new Module();
            InputPlan inputs = InputPlan.of(config, module.signature());
            return PyTorchInstance.create(context.name(), config, TorchParameters.parse(config.parameters()), inputs,
                    OutputPlan.of(config, module.signature(), inputs), module, module::close, new TorchDevice.Cpu(),
                    environment);
        }
    }

    private TestModel load(Dims dims, Map<String, String> parameters) {
        return engine.load(Path.of(""), TestScripts.config("model")
                .inputs(TestScripts.inputs(DataType.FP32, dims, "x"))
                .outputs(TestScripts.outputs(DataType.FP32, dims, "OUTPUT__0")).parameters(parameters).build());
    }

    private static TestRequest request() {
        return TestRequest.of().fp32("x", Shape.of(1), 1f);
    }

    /** Executes once. */
    private State state(Map<String, String> parameters) {
        try (TestModel model = load(TorchTest.ANY, parameters)) {
            model.infer(request()).response();
        }
        assertEquals(1, seen.size());
        return seen.getFirst();
    }

    @Test
    void runsInInferenceModeWithAllCoresByDefault() {
        assertEquals(new State(true, false, true, 4), state(Map.of()));
    }

    @Test
    void needsNoGradientsOutsideOfInferenceModeEither() {
        assertEquals(new State(false, false, true, 4), state(Map.of("INFERENCE_MODE", "false")));
    }

    @Test
    void leavesTheOptimiserOutWhenAskedTo() {
        assertFalse(state(Map.of("DISABLE_OPTIMIZED_EXECUTION", "true")).isOptimized());
    }

    @ParameterizedTest
    @CsvSource({"3, 3", "9, 9", "0, 4", "-2, 4"})
    void usesTheThreadsThatAModelAsksFor(String parameter, int expected) {
        assertEquals(expected, state(Map.of("INTRA_OP_THREAD_COUNT", parameter)).threads());
    }

    @Test
    void dividesTheCoresAmongTheInstancesThatAreThere() {
        try (TestModel model = load(TorchTest.ANY, Map.of())) {
            load(Dims.of(1), Map.of()).close();
            model.infer(request()).response();
        }

        // Two for the warm-up of the other one.
        assertEquals(List.of(2, 2, 4), seen.stream().map(State::threads).toList());
    }

    @Test
    void goesOnAfterAFailureAsBefore() {
        try (TestModel model = load(TorchTest.ANY, Map.of("DISABLE_OPTIMIZED_EXECUTION", "true"))) {
            model.infer(request()).response();
            InferenceException failure = model.infer(request()).failure();
            model.infer(request()).response();

            assertEquals("PyTorch execute failure: the second run fails", failure.getMessage());
            assertEquals(3, seen.size());
            assertEquals(1, seen.stream().distinct().count());
        }
    }

    @Test
    void warmsUpAsItExecutes() {
        Map<String, String> parameters = Map.of("INTRA_OP_THREAD_COUNT", "2", "DISABLE_OPTIMIZED_EXECUTION", "on");
        load(Dims.of(1), parameters).close();

        // The second one fails, which ends the warm-up and nothing else.
        assertEquals(List.of(new State(true, false, false, 2), new State(true, false, false, 2)), seen);
    }

    @Test
    void warmsUpOnlyWhereShapesAreKnownAndItMay() {
        load(TorchTest.ANY, Map.of()).close();
        load(Dims.of(1), Map.of("ENABLE_AUTO_WARMUP", "false")).close();

        assertTrue(seen.isEmpty());
    }
}
