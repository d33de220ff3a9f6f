package dev.nereid.backend.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class IdentityBackendTest {
    private static final TestRequest REQUEST = TestRequest.of().fp32("INPUT0", Shape.of(2), 1, 2);

    @AutoClose
    private final TestEngine engine = TestEngine.start(new IdentityBackendFactory());

    @Test
    void theServerFindsTheFactoryInTheJar() throws Exception {
        URL classes = IdentityBackendFactory.class.getProtectionDomain().getCodeSource().getLocation();
        Path index = path(classes).resolve("META-INF/extensions.idx");

        assertTrue(Files.exists(index), "no META-INF/extensions.idx: is pf4j an annotation processor?");
        assertTrue(Files.readString(index).contains(IdentityBackendFactory.class.getName()));
    }

    private static Path path(URL url) throws URISyntaxException {
        URI uri = url.toURI();
        return Path.of(uri);
    }

    @ParameterizedTest
    @EnumSource
    void copiesEveryDatatype(DataType dataType) {
        for (Shape shape : List.of(Shape.of(3), Shape.of(), Shape.of(2, 0), Shape.of(2, 3, 4))) {
            Dims dims = Dims.of(shape.toArray());
            TestTensor input = TestTensor.counting("INPUT0", dataType, shape);
            ModelConfig config = config(List.of(new ModelInput("INPUT0", dataType, dims)),
                    List.of(new ModelOutput("OUTPUT0", dataType, dims)));
            try (TestModel model = load(config)) {
                assertEquals(List.of(TestTensor.of("OUTPUT0", dataType, shape, input.bytes())),
                        model.infer(TestRequest.of(input)).outputs());
            }
        }
        engine.assertNoViolations();
    }

    @Test
    void answersInTheOrderOfTheIndices() {
        ModelConfig config = config(List.of(fp32Input("INPUT10"), fp32Input("INPUT2"), fp32Input("INPUT0")),
                List.of(fp32Output("OUTPUT2"), fp32Output("OUTPUT10"), fp32Output("OUTPUT0")));
        try (TestModel model = load(config)) {
            TestResult result = model.infer(TestRequest.of().fp32("INPUT10", Shape.of(2), 10, 10)
                    .fp32("INPUT2", Shape.of(2), 2, 2).fp32("INPUT0", Shape.of(2), 0, 0));

            assertEquals(List.of("OUTPUT0", "OUTPUT2", "OUTPUT10"),
                    result.outputs().stream().map(TestTensor::name).toList());
            assertEquals(10, result.output("OUTPUT10").floats()[0]);
            assertEquals(Map.of(), result.parameters());
        }
    }

    @Test
    void answersZerosForOptionalInputsThatAreAbsent() {
        ModelInput optional = new ModelInput("INPUT1", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(2),
                Optional.empty(), false, false, true, false);
        ModelConfig config = config(List.of(fp32Input("INPUT0"), optional),
                List.of(fp32Output("OUTPUT0"), fp32Output("OUTPUT1")));
        try (TestModel model = load(config)) {
            assertEquals(2, model.infer(REQUEST).outputs().size());
            assertEquals(TestTensor.fp32("OUTPUT1", Shape.of(2), 0, 0), model.infer(REQUEST).output("OUTPUT1"));

            InferenceException failure = model.infer(TestRequest.of().fp32("INPUT1", Shape.of(2), 1, 2)).failure();
            assertEquals(StatusCode.UNSUPPORTED, failure.code());
            assertEquals("failed to get input 'INPUT0'", failure.getMessage());
        }
    }

    @Test
    void leavesOutWhatIsNotRequested() {
        ModelConfig config = config(List.of(fp32Input("INPUT0"), fp32Input("INPUT1")),
                List.of(fp32Output("OUTPUT0"), fp32Output("OUTPUT1")));
        try (TestModel model = load(config)) {
            TestResult result = model.infer(REQUEST.fp32("INPUT1", Shape.of(2), 3, 4).requesting("OUTPUT1"));

            assertEquals(List.of(TestTensor.fp32("OUTPUT1", Shape.of(2), 3, 4)), result.outputs());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "INPUT0           |                  | model configuration must have equal input/output pairs",
        "                 | OUTPUT0          | model configuration must have equal input/output pairs",
        "INPUT0,INPUT1    | OUTPUT0          | model configuration must have equal input/output pairs",
        "X                | OUTPUT0          | expected input name to follow INPUT<index> pattern, got 'X'",
        "INPUT            | OUTPUT0          | expected input name to follow INPUT<index> pattern, got 'INPUT'",
        "INPUT0x          | OUTPUT0          | expected input name to follow INPUT<index> pattern, got 'INPUT0x'",
        "INPUT0,X         | Y,OUTPUT1        | expected input name to follow INPUT<index> pattern, got 'X'",
        "INPUT0           | INPUT0           | expected output name to follow OUTPUT<index> pattern, got 'INPUT0'",
        "INPUT0           | OUTPUT1          | expected input and output indices to match",
        "INPUT0,INPUT0    | OUTPUT0,OUTPUT1  | expected input and output indices to match"})
    void refusesNamesThatAreNoPairs(@Nullable String inputs, @Nullable String outputs,
            String message) {
        ModelConfig config = config(names(inputs).map(IdentityBackendTest::fp32Input).toList(),
                names(outputs).map(IdentityBackendTest::fp32Output).toList());

        assertRefused(message, config);
    }

    @Test
    void refusesEmptyNames() {
        assertRefused("expected input name to follow INPUT<index> pattern, got ''",
                config(List.of(fp32Input("")), List.of(fp32Output("OUTPUT0"))));
        assertRefused("expected output name to follow OUTPUT<index> pattern, got ''",
                config(List.of(fp32Input("INPUT0")), List.of(fp32Output(""))));
    }

    @Test
    void refusesPairsThatDiffer() {
        assertRefused("expected input and output datatype to match, got TYPE_FP32 and TYPE_INT32",
                config(List.of(fp32Input("INPUT0")), List.of(new ModelOutput("OUTPUT0", DataType.INT32, Dims.of(2)))));
        assertRefused("expected input and output shape to match, got [2] and [3]",
                config(List.of(fp32Input("INPUT0")), List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(3)))));
    }

    @Test
    void acceptsADuplicateOutputAsTheReferenceDoes() {
        ModelConfig config = config(List.of(fp32Input("INPUT0"), fp32Input("INPUT1")),
                List.of(fp32Output("OUTPUT0"), fp32Output("OUTPUT0")));
        try (TestModel model = load(config)) {
            assertEquals(List.of(TestTensor.fp32("OUTPUT0", Shape.of(2), 1, 2)),
                    model.infer(REQUEST.fp32("INPUT1", Shape.of(2), 3, 4)).outputs());
        }
    }

    @Test
    void acceptsAModelWithoutTensors() {
        try (TestModel model = load(config(List.of(), List.of()))) {
            assertEquals(List.of(), model.infer(TestRequest.of()).outputs());
        }
    }

    @Test
    void delaysExecutions() {
        try (TestModel model = load(with("execute_delay_ms", "30"))) {
            long start = System.nanoTime();
            model.infer(REQUEST).response();

            assertTrue(System.nanoTime() - start >= 30_000_000L);
        }
    }

    @Test
    void delaysTheStartOfInstances() {
        long start = System.nanoTime();
        load(with("instance_start_delay_ms", "30")).close();

        assertTrue(System.nanoTime() - start >= 30_000_000L);
    }

    @Test
    @Timeout(60)
    void aDelayEndsWhenNobodyWaitsAnyMore() {
        try (TestModel model = load(with("execute_delay_ms", "86400000"))) {
            assertEquals(StatusCode.CANCELLED, model.infer(REQUEST.cancelled()).failure().code());
        }
    }

    @Test
    void anInterruptEndsADelay() {
        Thread.currentThread().interrupt();
        var failure = assertThrows(InferenceException.class, () -> Delay.of(Duration.ofDays(1)));

        assertTrue(Thread.interrupted(), "the flag must be restored");
        assertEquals(StatusCode.UNAVAILABLE, failure.code());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "abc", "-1", "1.5", "9223372036854775808"})
    void refusesParametersThatAreNoCounts(String value) {
        for (String name : List.of("execute_delay_ms", "instance_start_delay_ms", "fail_every_n")) {
            assertRefused("parameter '" + name + "' is '" + value + "', expected a whole number that is not negative",
                    with(name, value));
        }
    }

    @Test
    void ignoresOtherParameters() {
        load(with("k", "v")).close();
    }

    @Test
    void failsEveryNthExecution() {
        try (TestModel model = load(with("fail_every_n", "3"))) {
            List<Boolean> failed = new ArrayList<>();
            for (int i = 0; i < 7; i++) {
                failed.add(model.infer(REQUEST).error().isPresent());
            }
            assertEquals(List.of(false, false, true, false, false, true, false), failed);
        }
    }

    @Test
    void failsARequestThatAsksForIt() {
        try (TestModel model = load(with("k", "v"))) {
            List<TestResult> results = model.execute(REQUEST, REQUEST.parameter("fail", Parameter.of("as asked")));

            assertFalse(results.get(0).error().isPresent());
            assertEquals("as asked", results.get(1).failure().getMessage());
        }
    }

    @Test
    void failsToLoadWhereAsked() {
        var failure = assertThrows(InferenceException.class, () -> load(with("fail_on_load", "not today")));

        assertEquals("Internal: not today", failure.reason());
    }

    private TestModel load(ModelConfig config) {
        return engine.load(Path.of(""), config);
    }

    private void assertRefused(String message, ModelConfig config) {
        var failure = assertThrows(InferenceException.class, () -> load(config));

        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals(message, failure.getMessage());
    }

    private static Stream<String> names(@Nullable String list) {
        return list == null ? Stream.of() : Stream.of(list.split(",", -1));
    }

    private static ModelInput fp32Input(String name) {
        return new ModelInput(name, DataType.FP32, Dims.of(2));
    }

    private static ModelOutput fp32Output(String name) {
        return new ModelOutput(name, DataType.FP32, Dims.of(2));
    }

    private static ModelConfig with(String parameter, String value) {
        return config(List.of(fp32Input("INPUT0")), List.of(fp32Output("OUTPUT0"))).toBuilder()
                .parameters(Map.of(parameter, value)).build();
    }

    private static ModelConfig config(List<ModelInput> inputs, List<ModelOutput> outputs) {
        return ModelConfig.builder("ident").backend("identity").inputs(inputs).outputs(outputs).build();
    }
}
