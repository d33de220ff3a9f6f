package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.pf4j.Extension;

/**
 * Tests that every backend must pass. An author extends it, says how to make the factory and a small model, and what
 * the backend is able to do.
 *
 * <p>The sample model is configured with everything that the abilities declare: with a batch dimension for at least two
 * rows, with a dimension of -1, with an optional input. The backend is started once for all tests of a class, as a
 * server would. A failing check names the rule.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Execution(ExecutionMode.SAME_THREAD)
public abstract class BackendContractTest {
    private static final int ROUNDS = 20;
    private static final String SERVER = "nereid.url";
    private static final Pattern CLASS_NAME = Pattern
            .compile("\\b[a-z]\\w*(\\.[a-z]\\w*)+\\.[A-Z]\\w*|\\w+Exception\\b");

    private @Nullable TestEngine engine;
    private @Nullable Path directory;

    /** Returns a new factory, as the server would make it. */
    protected abstract BackendFactory factory();

    /** Returns the configuration of a small model. */
    protected abstract ModelConfig config();

    /** Returns at least two requests that the model answers, with different content. */
    protected abstract List<TestRequest> sampleRequests();

    /** Returns what the backend is able to do. */
    protected abstract BackendAbilities abilities();

    /** Puts the model's files into its directory; the directory of version 1, named {@code 1}, is there already. */
    protected void writeModel(Path modelDirectory) throws IOException {
    }

    /** Checks what a sample request was answered with. */
    protected void checkAnswer(TestRequest request, TestResult result) {
    }

    /** Returns requests that the backend itself must refuse with an error, if there are any. */
    protected List<TestRequest> refusedRequests() {
        return List.of();
    }

    /** Returns a number that returns to where it was when nothing leaks, such as native objects alive. */
    protected long liveResources() {
        return 0;
    }

    /** Offers the models that the backend calls, by {@link TestEngine#offer}. */
    protected void offerModels(TestEngine testEngine) {
    }

    /** Returns settings as {@code --backend-config} would give them. */
    protected Map<String, String> settings() {
        return Map.of();
    }

    /** Returns the directory that the backend would lie in. */
    protected Path backendDirectory() {
        return Path.of("");
    }

    /** Returns whether this machine has a GPU that the backend can use. */
    protected boolean isGpuPresent() {
        return false;
    }

    /** Compares two answers to the same request; override where rounding may differ from batch to batch. */
    protected void assertSameAnswer(TestResult expected, TestResult actual) {
        assertEquals(expected.outputs(), actual.outputs(), "the same request was answered differently");
    }

    /** Stops the backend that all tests used. */
    @AfterAll
    public void stopBackend() {
        TestEngine started = engine;
        engine = null;
        if (started != null) {
            started.close();
            started.assertNoViolations();
        }
        Path made = directory;
        directory = null;
        if (made != null) {
            delete(made);
        }
    }

    /** The factory can be found by PF4J and was built for this version of the contract. */
    @Test
    public void factoryFitsTheContract() {
        BackendFactory factory = factory();
        Class<?> type = factory.getClass();

        assertTrue(Modifier.isPublic(type.getModifiers()), "the factory's class must be public");
        assertTrue(type.isAnnotationPresent(Extension.class), "the factory must be annotated with @Extension");
        assertTrue(isListed(type), "META-INF/extensions.idx must name the factory, or no server finds it; compile with "
                + "pf4j as annotation processor");
        assertTrue(Stream.of(type.getConstructors()).anyMatch(constructor -> constructor.getParameterCount() == 0),
                "the factory must have a public constructor without parameters");
        assertFalse(factory.name().isBlank(), "the factory must have a name");
        assertTrue(new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR).canRun(factory.builtFor()),
                "the factory says it was built for API version " + factory.builtFor());
    }

    private static boolean isListed(Class<?> factory) {
        try {
            for (URL index : Collections.list(factory.getClassLoader().getResources("META-INF/extensions.idx"))) {
                try (InputStream content = index.openStream()) {
                    if (new String(content.readAllBytes(), StandardCharsets.UTF_8).lines()
                            .anyMatch(factory.getName()::equals)) {
                        return true;
                    }
                }
            }
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Every sample is answered once, with a response. */
    @Test
    public void answersEverySample() {
        assertTrue(sampleRequests().size() >= 2, "sampleRequests() must return at least two requests");
        loadAnswerUnload();
    }

    /** Outputs have the names, datatypes and shapes of the configuration. */
    @Test
    public void outputsAreAsConfigured() {
        withModel(config(), model -> {
            for (TestRequest request : sampleRequests()) {
                Set<String> names = new HashSet<>();
                for (TestTensor output : model.infer(request).outputs()) {
                    ModelOutput declared = model.config().output(output.name()).orElseGet(
                            () -> fail("output '" + output.name() + "' is not in the configuration"));
                    names.add(output.name());
                    assertEquals(declared.dataType(), Optional.of(output.dataType()),
                            "datatype of output '" + output.name() + "'");
                    Dims dims = model.config().isBatching()
                            ? declared.backendDims().prepend(request.rows())
                            : declared.backendDims();
                    assertTrue(dims.matches(output.shape(), 0), "output '" + output.name() + "' has shape "
                            + output.shape() + ", the configuration says " + dims);
                }
                assertFalse(names.isEmpty() && !model.config().outputs().isEmpty(), "the response has no outputs");
            }
        });
    }

    /** A batching strategy only looks at requests, and divides the same ones in the same way again. */
    @Test
    public void dividesTheSameRequestsInTheSameWay() {
        withModel(config(), model -> {
            TestRequest[] samples = sampleRequests().toArray(TestRequest[]::new);
            List<Integer> once = model.divide(samples);
            assertEquals(once, model.divide(samples), "sizes of the batches that the strategy makes of the samples");
        });
    }

    /** A client that asks for one output gets it. */
    @Test
    public void answersWithTheRequestedOutputs() {
        withModel(config(), model -> {
            TestRequest request = sampleRequests().getFirst();
            TestResult all = model.infer(request);
            for (TestTensor output : all.outputs()) {
                TestResult some = model.infer(request.requesting(output.name()));
                assertEquals(List.of(output.name()), some.outputs().stream().map(TestTensor::name).toList(),
                        "outputs of a request for '" + output.name() + "' only");
            }
        });
    }

    /** An execution leaves nothing behind that changes a later one; a segment kept from an earlier one is closed. */
    @Test
    public void repeatedExecutionsAnswerTheSame() {
        withModel(config(), model -> {
            List<TestRequest> requests = sampleRequests();
            List<TestResult> expected = requests.stream().map(model::infer).toList();
            for (int round = 0; round < ROUNDS; round++) {
                int index = round % requests.size();
                assertSameAnswer(expected.get(index), model.infer(requests.get(index)));
            }
        });
    }

    /** Requests that are executed together get the answers that they get alone; or batching is refused. */
    @Test
    public void batchesRequests() {
        if (!abilities().batching()) {
            assertUnsupported("batching", config().toBuilder().maxBatchSize(8).build());
            return;
        }
        assertTrue(config().maxBatchSize() >= 2, "config() must have a max_batch_size of at least 2");
        withModel(config(), model -> {
            List<TestRequest> batch = batch();
            List<TestResult> alone = batch.stream().map(model::infer).toList();
            assertSameAnswers(alone, model.executeOn(0, batch));
            assertSameAnswers(alone.reversed(), model.executeOn(0, batch.reversed()));
        });
    }

    /** A request of zero rows is answered, with a response or an error. */
    @Test
    public void answersARequestOfZeroRows() {
        Assumptions.assumeTrue(abilities().batching(), "the backend does not batch");
        withModel(config(), model -> {
            TestResult result = model.infer(sampleRequests().getFirst().withRows(0));
            assertEquals(1, result.responses().size() + (result.error().isPresent() ? 1 : 0));
            model.infer(sampleRequests().getFirst()).response();
        });
    }

    /** Dimensions of -1 take requests of different shapes; or they are refused. */
    @Test
    public void takesDynamicShapes() {
        if (!abilities().dynamicShapes()) {
            if (!config().inputs().isEmpty()) {
                assertUnsupported("dynamic shapes", withFirstInput(config(), BackendContractTest::ofAnyShape));
            }
            return;
        }
        assertTrue(config().inputs().stream().anyMatch(input -> !input.dims().isFixed()),
                "config() must have an input with a dimension of -1");
        int skipped = config().isBatching() ? 1 : 0;
        long shapes = sampleRequests().stream().map(request -> request.inputs().stream()
                .map(input -> IntStream.range(skipped, input.shape().rank()).mapToObj(input.shape()::dimension)
                        .toList())
                .toList()).distinct().count();
        assertTrue(shapes >= 2, "sampleRequests() must have two requests of different shapes");
        loadAnswerUnload();
    }

    /** Optional inputs may be left out; or they are refused. */
    @Test
    public void takesOptionalInputs() {
        if (!abilities().optionalInputs()) {
            if (!config().inputs().isEmpty()) {
                assertUnsupported("optional inputs", withFirstInput(config(), BackendContractTest::optional));
            }
            return;
        }
        List<String> names = config().inputs().stream().filter(ModelInput::isOptional).map(ModelInput::name).toList();
        assertFalse(names.isEmpty(), "config() must have an optional input");
        withModel(config(), model -> {
            for (String name : names) {
                model.infer(sampleRequests().getFirst().without(name)).response();
            }
        });
    }

    /** Instances of declared kinds work; others are refused. */
    @Test
    public void runsOnDeclaredDevices() {
        for (InstanceGroup.Kind kind : EnumSet.of(InstanceGroup.Kind.CPU, InstanceGroup.Kind.GPU,
                InstanceGroup.Kind.MODEL)) {
            ModelConfig config = withInstances(config(), kind, 1);
            if (!abilities().kinds().contains(kind)) {
                assertUnsupported("instances of kind " + kind, config);
            } else if (kind != InstanceGroup.Kind.GPU || isGpuPresent()) {
                withModel(config, model -> model.infer(sampleRequests().getFirst()).response());
            }
        }
    }

    /** A request that lacks a required input, or that the backend must refuse, fails with a coded error. */
    @Test
    public void refusesBadRequestsAndGoesOn() {
        withModel(config(), model -> {
            TestRequest good = sampleRequests().getFirst();
            TestResult expected = model.infer(good);
            List<TestRequest> bad = new ArrayList<>(refusedRequests());
            model.config().inputs().stream().filter(input -> !input.isOptional()).findFirst()
                    .ifPresent(input -> bad.add(good.without(input.name())));
            for (TestRequest request : bad) {
                InferenceException failure = model.infer(request).failure();
                assertNotEquals(StatusCode.INTERNAL, failure.code(),
                        "the error of a bad request must not be INTERNAL: " + failure.getMessage());
                assertNotEquals(StatusCode.UNKNOWN, failure.code(), "code of " + failure.getMessage());
                assertReadable(failure);
                assertSameAnswer(expected, model.infer(good));
            }
        });
    }

    /** An error that concerns one request leaves the others of its batch alone. */
    @Test
    public void keepsErrorsToTheirRequest() {
        Assumptions.assumeTrue(abilities().batching(), "the backend does not batch");
        Assumptions.assumeFalse(refusedRequests().isEmpty(), "no refused requests are given");
        withModel(config(), model -> {
            TestRequest good = sampleRequests().getFirst();
            TestResult expected = model.infer(good);
            for (TestRequest bad : refusedRequests()) {
                List<TestResult> results = model.execute(good, bad);
                assertSameAnswer(expected, results.get(0));
                results.get(1).failure();
            }
        });
    }

    /** A cancelled request is answered like any other, or with CANCELLED, and disturbs nobody. */
    @Test
    public void answersCancelledRequests() {
        withModel(config(), model -> {
            TestRequest request = sampleRequests().getFirst();
            TestResult expected = model.infer(request);
            assertCancelledOrSame(expected, model.infer(request.cancelled()));
            if (abilities().batching()) {
                List<TestResult> results = model.execute(request, request.cancelled(), request);
                assertSameAnswer(expected, results.get(0));
                assertCancelledOrSame(expected, results.get(1));
                assertSameAnswer(expected, results.get(2));
            }
            assertSameAnswer(expected, model.infer(request));
        });
    }

    /** Two instances of a model execute at the same time and don't disturb each other; one may be closed first. */
    @Test
    public void isolatesInstances() {
        withModel(withInstances(config(), hostKind(), 2), model -> {
            assertEquals(2, model.instanceCount());
            List<TestRequest> requests = sampleRequests();
            List<TestResult> expected = requests.stream().map(model::infer).toList();
            atTheSameTime(2, instance -> {
                for (int round = 0; round < ROUNDS; round++) {
                    int index = (round + instance) % requests.size();
                    assertSameAnswer(expected.get(index),
                            model.executeOn(instance, List.of(requests.get(index))).getFirst());
                }
            });
            model.closeInstance(1);
            assertSameAnswer(expected.getFirst(), model.infer(requests.getFirst()));
        });
    }

    /** Several models are loaded, executed and unloaded at the same time. */
    @Test
    public void isolatesModels() {
        atTheSameTime(3, index -> {
            ModelConfig config = config().toBuilder().name(config().name() + index).build();
            try (TestModel model = engine().load(modelDirectory(), config)) {
                for (TestRequest request : sampleRequests()) {
                    checkAnswer(request, model.infer(request));
                }
            }
        });
        engine().assertNoViolations();
    }

    /** A model can be loaded again after it was unloaded. */
    @Test
    public void loadsAgainAfterUnload() {
        for (int i = 0; i < 3; i++) {
            loadAnswerUnload();
        }
    }

    /** A server that asks for a completed configuration gets one that works, of the same model. */
    @Test
    public void completesTheConfiguration() {
        try (TestModel model = engine().load(modelDirectory(), 1, config(), true)) {
            assertEquals(config().name(), model.config().name(), "completing a configuration must keep the name");
            for (TestRequest request : sampleRequests()) {
                checkAnswer(request, model.infer(request));
            }
        }
        engine().assertNoViolations();
    }

    /** Executions leave nothing alive. */
    @Test
    public void executionsDoNotLeak() {
        withModel(config(), model -> {
            sampleRequests().forEach(model::infer);
            long before = liveResources();
            for (int round = 0; round < ROUNDS; round++) {
                sampleRequests().forEach(model::infer);
                sampleRequests().forEach(request -> model.infer(request.cancelled()));
                refusedRequests().forEach(model::infer);
            }
            assertEquals(before, liveResources(), "live resources after executions");
        });
    }

    /** Unloaded models leave nothing alive: no resources, no threads. */
    @Test
    public void unloadDoesNotLeak() {
        loadAnswerUnload();
        long before = liveResources();
        Set<Thread> threads = liveThreads();
        for (int i = 0; i < 5; i++) {
            loadAnswerUnload();
        }
        assertEquals(before, liveResources(), "live resources after unload");
        Set<Thread> left = liveThreads();
        left.removeAll(threads);
        assertEquals(Set.of(), stillAlive(left), "threads left after unload");
    }

    /** The model's directory belongs to the user: nothing is written into it. */
    @Test
    public void leavesTheModelDirectoryAlone() {
        Set<Path> before = files(modelDirectory());
        loadAnswerUnload();
        assertEquals(before, files(modelDirectory()), "files in the model's directory");
    }

    /**
     * What clients can see of these rules holds in a running server, too: in that which the system property
     * {@code nereid.url} names, such as {@code http://localhost:8000}. It has to offer the backend, and to allow that models
     * are loaded by request. Without the property, nothing is checked.
     */
    @TestFactory
    @Tag("served")
    public List<DynamicTest> worksInAServer() {
        String server = System.getProperty(SERVER, "");
        Assumptions.assumeFalse(server.isEmpty(), () -> "no server is named by -D" + SERVER);
        Assumptions.assumeFalse(engine().offersModels(), "the backend calls models that only the test engine has");
        Assumptions.assumeTrue(ConfigJson.canWrite(config()), "a load request can't bring this configuration along");
        ModelConfig config = config().toBuilder().name("contract_" + config().name()).build();
        Map<TestRequest, TestResult> expected = new LinkedHashMap<>();
        withModel(config, model -> sampleRequests().forEach(request -> {
            TestResult result = model.infer(request);
            checkAnswer(request, result);
            expected.put(request, result);
        }));
        ServedContract contract = new ServedContract(URI.create(server).resolve("/"), factory().name(),
                modelDirectory(), config, expected, refusedRequests(), this::assertSameAnswer);
        List<DynamicTest> tests = new ArrayList<>();
        contract.checks().forEach((what, check) -> tests.add(DynamicTest.dynamicTest(what, check::run)));
        undeclared(config).forEach((what, asking) -> tests
                .add(DynamicTest.dynamicTest("refuses " + what, () -> contract.assertRefused(asking))));
        return tests;
    }

    /** Returns configurations that ask for abilities that are not declared. */
    private Map<String, ModelConfig> undeclared(ModelConfig config) {
        Map<String, ModelConfig> asking = new LinkedHashMap<>();
        if (!abilities().batching()) {
            asking.put("batching", config.toBuilder().maxBatchSize(8).build());
        }
        if (!abilities().dynamicShapes() && !config.inputs().isEmpty()) {
            asking.put("dynamic shapes", withFirstInput(config, BackendContractTest::ofAnyShape));
        }
        if (!abilities().optionalInputs() && !config.inputs().isEmpty()) {
            asking.put("optional inputs", withFirstInput(config, BackendContractTest::optional));
        }
        return asking;
    }

    private void loadAnswerUnload() {
        withModel(config(), model -> {
            assertTrue(model.isReady(), "a loaded model must be ready");
            for (TestRequest request : sampleRequests()) {
                TestResult result = model.infer(request);
                result.response();
                checkAnswer(request, result);
            }
        });
    }

    private void withModel(ModelConfig config, Consumer<TestModel> check) {
        try (TestModel model = engine().load(modelDirectory(), config)) {
            check.accept(model);
        }
        engine().assertNoViolations();
    }

    private void assertUnsupported(String ability, ModelConfig config) {
        long before = liveResources();
        String rule = "a model that asks for " + ability
                + ", which is not declared, must fail to load with UNSUPPORTED";
        try (TestModel model = engine().load(modelDirectory(), config)) {
            fail(rule + ", but model '" + model.config().name() + "' was loaded");
        } catch (InferenceException e) {
            assertEquals(StatusCode.UNSUPPORTED, e.code(), rule + ", but: " + e.reason());
            assertReadable(e);
        }
        assertEquals(before, liveResources(), "live resources after a failed load");
        engine().assertNoViolations();
    }

    private void assertSameAnswers(List<TestResult> expected, List<TestResult> actual) {
        for (int i = 0; i < expected.size(); i++) {
            assertSameAnswer(expected.get(i), actual.get(i));
        }
    }

    private void assertCancelledOrSame(TestResult expected, TestResult actual) {
        if (actual.error().isPresent()) {
            assertEquals(StatusCode.CANCELLED, actual.failure().code(), "code of a cancelled request");
        } else {
            assertSameAnswer(expected, actual);
        }
    }

    /** Samples that go together: of the same shapes beyond the first dimension, within the largest batch. */
    private List<TestRequest> batch() {
        List<TestRequest> batch = new ArrayList<>();
        TestRequest first = sampleRequests().getFirst();
        long rows = 0;
        for (TestRequest request : Stream.concat(sampleRequests().stream(), Stream.of(first)).toList()) {
            if (request.withRows(1).inputs().stream().map(TestTensor::shape).toList()
                    .equals(first.withRows(1).inputs().stream().map(TestTensor::shape).toList())
                    && rows + request.rows() <= config().maxBatchSize()) {
                batch.add(request);
                rows += request.rows();
            }
        }
        assertTrue(batch.size() >= 2, "two sample requests must fit into max_batch_size " + config().maxBatchSize());
        return batch;
    }

    private InstanceGroup.Kind hostKind() {
        return Stream.of(InstanceGroup.Kind.CPU, InstanceGroup.Kind.MODEL, InstanceGroup.Kind.GPU)
                .filter(abilities().kinds()::contains).findFirst().orElseThrow(
                        () -> new AssertionError("abilities() must declare a kind of instances"));
    }

    private static ModelConfig withInstances(ModelConfig config, InstanceGroup.Kind kind, int count) {
        return config.toBuilder().instanceGroups(List.of(new InstanceGroup("", kind, count))).build();
    }

    private static ModelConfig withFirstInput(ModelConfig config, UnaryOperator<ModelInput> change) {
        List<ModelInput> inputs = new ArrayList<>(config.inputs());
        inputs.set(0, change.apply(inputs.getFirst()));
        return config.toBuilder().inputs(inputs).build();
    }

    private static ModelInput ofAnyShape(ModelInput input) {
        return new ModelInput(input.name(), input.dataType(), input.format(), anyDims(input.dims()), Optional.empty(),
                false, false, input.isOptional(), false);
    }

    private static ModelInput optional(ModelInput input) {
        return new ModelInput(input.name(), input.dataType(), input.format(), input.dims(), input.reshape(),
                input.isShapeTensor(), input.allowRaggedBatch(), true, input.isNonLinearFormat());
    }

    private static Dims anyDims(Dims dims) {
        long[] values = dims.toArray();
        Arrays.fill(values, Dims.ANY);
        return Dims.of(values);
    }

    private static void assertReadable(InferenceException failure) {
        assertFalse(failure.getMessage().isBlank(), "an error must have a message");
        assertFalse(CLASS_NAME.matcher(failure.getMessage()).find(),
                "the message of an error goes to clients and must not name a class: " + failure.getMessage());
    }

    private static void atTheSameTime(int count, IntConsumer action) {
        List<FutureTask<Boolean>> tasks = IntStream.range(0, count).mapToObj(i -> new FutureTask<>(task(action, i)))
                .toList();
        tasks.forEach(task -> Thread.ofPlatform().daemon().name("contract-test").start(task));
        for (FutureTask<Boolean> task : tasks) {
            try {
                task.get(InstanceThread.PATIENCE.toSeconds(), TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                throw new AssertionError(String.valueOf(e.getCause()), e.getCause());
            } catch (TimeoutException e) {
                throw new AssertionError("executions at the same time block each other", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError("interrupted", e);
            }
        }
    }

    private static Callable<Boolean> task(IntConsumer action, int index) {
        return () -> {
            action.accept(index);
            return true;
        };
    }

    private static Set<Thread> liveThreads() {
        Set<Thread> threads = new HashSet<>(Thread.getAllStackTraces().keySet());
        threads.removeIf(thread -> thread.getName().startsWith("ForkJoinPool"));
        return threads;
    }

    /** Gives threads that are about to end two seconds to do so, and returns the others. */
    private static Set<Thread> stillAlive(Set<Thread> threads) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
        Set<Thread> alive = new HashSet<>(threads);
        try {
            for (Thread thread : threads) {
                long left = deadline - System.nanoTime();
                if (left > 0 ? thread.join(Duration.ofNanos(left)) : !thread.isAlive()) {
                    alive.remove(thread);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return alive;
    }

    private TestEngine engine() {
        TestEngine started = engine;
        if (started == null) {
            started = TestEngine.start(factory(), backendDirectory(), settings());
            offerModels(started);
            engine = started;
        }
        return started;
    }

    private Path modelDirectory() {
        Path made = directory;
        if (made == null) {
            try {
                made = Files.createTempDirectory("nereid-contract").resolve(config().name());
                directory = made;
                Files.createDirectories(made.resolve("1"));
                writeModel(made);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return made;
    }

    private static Set<Path> files(Path root) {
        try (Stream<Path> paths = Files.walk(root)) {
            return new HashSet<>(paths.toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path root) {
        try {
            for (Path path : files(root).stream().sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
            Files.delete(Objects.requireNonNull(root.getParent()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
