package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.logging.Level;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Modules whose executions take as long as a test says. */
@Timeout(60)
final class OptimizationTrialTest extends TorchTest {
    private static final long MILLISECOND = 1_000_000;

    private long now;
    private int loads;
    private int maxBatchSize = 8;
    private final List<Integer> rows = new ArrayList<>();
    private final List<Long> tensors = new ArrayList<>();

    private class Module implements LoadedModule {
        private final long nanos;
        private final UnaryOperator<Tensor> function;
        private boolean isClosed;

        Module(long nanos, UnaryOperator<Tensor> function) {
            this.nanos = nanos;
            this.function = function;
        }

        @Override
        public ForwardSignature signature() {
            return new ForwardSignature(
                    List.of(new ForwardSignature.Argument("x", ForwardSignature.Kind.TENSOR, "Tensor", "Tensor")),
                    "Tensor",
                    1, List.of());
        }

        @Override
        public List<IValue> run(IValueVector stack) {
            now += nanos;
            Tensor x = stack.get(0).toTensor();
            rows.add((int) x.size(0));
            tensors.add(Pointer.totalCount());
            return List.of(new IValue(function.apply(x)));
        }

        @Override
        public Type.TypePtr listElementType(int position) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
            isClosed = true;
        }
    }

    private static Tensor times(Tensor x, double factor) {
        return x.mul(new Scalar(factor));
    }

    private static ModelConfig config() {
        return simple("m").inputs(TestScripts.inputs(DataType.FP32, Dims.of(4), "x")).maxBatchSize(8).build();
    }

    private Optional<LoadedModule> run(Module plain, Supplier<LoadedModule> optimize) {
        return run(plain, Map.of(Rewriting.OPTIMIZED, optimize)).map(OptimizationTrial.Outcome::module);
    }

    private Optional<OptimizationTrial.Outcome> run(Module plain, Map<Rewriting, Supplier<LoadedModule>> load) {
        return new OptimizationTrial("m", InputPlan.of(config(), plain.signature()), maxBatchSize, () -> now).run(plain,
                rewriting -> {
                    loads++;
                    return Optional.ofNullable(load.get(rewriting)).map(Supplier::get);
                });
    }

    private Optional<LoadedModule> run(Module plain, Module optimized) {
        return run(plain, () -> optimized);
    }

    private Module plain(long nanos) {
        return new Module(nanos, x -> times(x, 2));
    }

    @Test
    void takesWhatIsFasterAndAnswersTheSame() {
        Module optimized = new Module(8 * MILLISECOND, x -> times(x, 2.0001));

        assertEquals(Optional.of(optimized), run(plain(10 * MILLISECOND), optimized));
        assertFalse(optimized.isClosed);
        assertTrue(rows.contains(2), "more rows than one are compared, too");
    }

    @Test
    void executesNoMoreRowsThanTheModelTakes() {
        maxBatchSize = 1;
        Module optimized = new Module(8 * MILLISECOND, x -> times(x, x.size(0) == 2 ? 3 : 2));

        assertEquals(Optional.of(optimized), run(plain(10 * MILLISECOND), optimized));
        assertFalse(rows.contains(2), rows::toString);
    }

    /** Inputs may be as large as all that the model computes with them. */
    @Test
    void anExecutionLeavesItsAnswersAlone() {
        run(plain(10 * MILLISECOND), plain(8 * MILLISECOND));

        long left = tensors.get(1) - tensors.get(0);
        assertTrue(left <= 1, "a copy of the answer, not inputs and what makes them: " + left);
    }

    @ParameterizedTest
    @CsvSource({"8, 5, CHANNELS_LAST", "5, 8, OPTIMIZED", "20, 8, CHANNELS_LAST", "8, 20, OPTIMIZED"})
    void takesTheFasterOfTwo(long optimizedMillis, long channelsLastMillis, Rewriting expected) {
        Module optimized = plain(optimizedMillis * MILLISECOND);
        Module channelsLast = plain(channelsLastMillis * MILLISECOND);

        Optional<OptimizationTrial.Outcome> outcome = run(plain(10 * MILLISECOND),
                Map.of(Rewriting.OPTIMIZED, () -> optimized, Rewriting.CHANNELS_LAST, () -> channelsLast));

        Module better = expected == Rewriting.OPTIMIZED ? optimized : channelsLast;
        assertEquals(Optional.of(new OptimizationTrial.Outcome(better, expected)), outcome);
        assertEquals(expected != Rewriting.OPTIMIZED, optimized.isClosed);
        assertEquals(expected != Rewriting.CHANNELS_LAST, channelsLast.isClosed);
    }

    @Test
    void triesTheSecondWhereTheFirstCanNotBe() {
        Module channelsLast = plain(MILLISECOND);

        assertEquals(Optional.of(new OptimizationTrial.Outcome(channelsLast, Rewriting.CHANNELS_LAST)),
                run(plain(10 * MILLISECOND), Map.of(Rewriting.OPTIMIZED, () -> {
                    throw new IllegalStateException("no");
                }, Rewriting.CHANNELS_LAST, () -> channelsLast)));
    }

    @Test
    void closesWhatFailsWhenItIsExecuted() {
        Module failing = new Module(MILLISECOND, _ -> {
            throw new IllegalStateException("no");
        });

        assertEquals(Optional.empty(), run(plain(10 * MILLISECOND), failing));
        assertTrue(failing.isClosed);
    }

    @ParameterizedTest
    @ValueSource(longs = {9_000_000, 20_000_000})
    void leavesWhatIsHardlyFasterOrSlower(long nanos) {
        Module optimized = plain(nanos);

        assertEquals(Optional.empty(), run(plain(10 * MILLISECOND), optimized));
        assertTrue(optimized.isClosed);
    }

    @Test
    void leavesWhatAnswersOtherwise() {
        Module other = new Module(MILLISECOND, x -> times(x, 2.001));
        Module ofAnotherShape = new Module(MILLISECOND, x -> times(x, 2).sum());
        Module withTwoRows = new Module(MILLISECOND, x -> times(x, x.size(0) == 2 ? 3 : 2));

        for (Module optimized : List.of(other, ofAnotherShape, withTwoRows)) {
            assertEquals(Optional.empty(), run(plain(10 * MILLISECOND), optimized));
            assertTrue(optimized.isClosed);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {OptimizationTrial.SHORTEST_NANOS - 1, OptimizationTrial.LONGEST_NANOS + 1,
        OptimizationTrial.LONGEST_FIRST_NANOS + 1})
    void triesNothingThatIsTooShortOrTooLong(long nanos) {
        assertEquals(Optional.empty(), run(plain(nanos), plain(1)));
        assertEquals(0, loads);
    }

    @Test
    void triesNothingThatAnswersOtherwiseEachTime() {
        Module random = new Module(10 * MILLISECOND, x -> times(x, rows.size()));

        assertEquals(Optional.empty(), run(random, plain(1)));
        assertEquals(0, loads);
    }

    @Test
    void servesTheModelAsItIsWhereItCanNotBeOptimized() {
        assertEquals(Optional.empty(), run(plain(10 * MILLISECOND), () -> {
            throw new IllegalStateException("no");
        }));
        assertEquals(Rewriting.values().length, loads);
    }

    @Test
    void hasRoomForTwoOfModelsThatAreNotLarge() {
        Module large = new Module(1, x -> x) {
            @Override
            public List<MemoryUsage> memoryUsage() {
                return List.of(new MemoryUsage(Placement.CPU, OptimizationTrial.LARGEST_BYTES),
                        new MemoryUsage(Placement.CPU, 1));
            }
        };

        assertFalse(OptimizationTrial.hasRoomFor(large));
        assertTrue(OptimizationTrial.hasRoomFor(plain(1)));
    }

    /** Whatever the trial finds, it tells what it has tried. A view of what has its channels last fails. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            y                                                   | true
            y.view([-1]).reshape([1, 128, 126, 126])            | false
            y if bool(x.sum() > 0) else y.view([-1])            | false
            """)
    void triesChannelsLastUnlessATrialMayMissWhatDependsOnThem(String result, boolean isTried) throws IOException {
        Files.createDirectories(directory.resolve("model/1"));
        try (PointerScope _ = new PointerScope()) {
            JitModule module = new JitModule(new QualifiedName("__torch__.Kernel"));
            module.register_parameter("kernel", torch.ones(128, 64, 3, 3), false);
            module.define("def forward(self, x):\n  y = torch.conv2d(x, self.kernel)\n  return " + result + "\n");
            module.save(directory.resolve("model/1/model.pt").toString());
        }
        ModelConfig config = TestScripts.config("model")
                .inputs(TestScripts.inputs(DataType.FP32, Dims.of(1, 64, 128, 128), "x"))
                .outputs(TestScripts.outputs(DataType.FP32, Dims.of(1, 128, 126, 126), "OUTPUT__0")).build();

        List<String> lines;
        try (RecordedLog log = RecordedLog.of(OptimizationTrial.class); TestModel _ = loadFile(config)) {
            lines = log.texts(Level.INFO);
        }
        assertTrue(lines.stream().anyMatch(line -> line.contains("optimised for inference")), lines::toString);
        assertEquals(isTried, lines.stream().anyMatch(line -> line.contains("with channels last")), lines::toString);
    }

    @Test
    void comparesNumbers() {
        Tensor numbers = torch.ones(3).to(ScalarType.Float);
        Tensor undefined = numbers.div(new Scalar(0.0)).sub(numbers.div(new Scalar(0.0)));

        assertTrue(OptimizationTrial.areClose(numbers, times(numbers, 1.00009)));
        assertFalse(OptimizationTrial.areClose(numbers, times(numbers, 1.0002)));
        assertTrue(OptimizationTrial.areClose(undefined, undefined));
        assertFalse(OptimizationTrial.areClose(undefined, numbers));
        assertFalse(OptimizationTrial.areClose(numbers, numbers.to(ScalarType.Double)));
        assertTrue(OptimizationTrial.areClose(numbers.to(ScalarType.Long), numbers.to(ScalarType.Long)));
        assertFalse(OptimizationTrial.areClose(numbers.to(ScalarType.Long), times(numbers, 2).to(ScalarType.Long)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "ENABLE_OPTIMIZE_FOR_INFERENCE", "ENABLE_CHANNELS_LAST", "ENABLE_FREEZING",
        "ENABLE_AUTO_WARMUP"})
    void aModelOfConvolutionsIsTriedUnlessSomethingIsSaidAboutIt(String key) {
        String source = """
                def forward(self, x):
                  y = torch.relu(torch.conv2d(x, self.weight.reshape([2, 1, 1, 1]).expand([2, 64, 3, 3])))
                  return y[:, :, :1, :1]
                """;
        ModelConfig config = TestScripts.config("model")
                .inputs(TestScripts.inputs(DataType.FP32, Dims.of(1, 64, 128, 128), "x"))
                .outputs(TestScripts.outputs(DataType.FP32, Dims.of(1, 2, 1, 1), "OUTPUT__0"))
                .parameters(key.isEmpty() ? Map.of() : Map.of(key, "false")).build();
        float[] ones = new float[64 * 128 * 128];
        Arrays.fill(ones, 1);
        try (RecordedLog log = RecordedLog.of(OptimizationTrial.class);
                TestModel model = load(source, config)) {
            float[] answer = model.infer(TestRequest.of().fp32("x", Shape.of(1, 64, 128, 128), ones))
                    .output("OUTPUT__0")
                    .floats();

            assertEquals(List.of(1152f, 1152f), floats(answer));
            assertEquals(key.isEmpty(),
                    log.texts(Level.INFO).stream().anyMatch(line -> line.startsWith("model 'model' executes in ")),
                    () -> log.texts(Level.INFO).toString());
        }
    }
}
