package dev.nereid.server.lifecycle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.server.ServerOptions.ControlMode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class EngineTest {
    private static final String ALL_VERSIONS = EngineFixture.GROUP_OF_ONE + " version_policy { all { } }";

    @TempDir
    private Path directory;
    private final FakeBackend backend = new FakeBackend("fake");
    private final List<EngineFixture> fixtures = new ArrayList<>();

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixtures.forEach(EngineFixture::close);
        assertEquals(List.of(), backend.violations());
    }

    private EngineFixture fixture() {
        EngineFixture fixture = new EngineFixture(directory, backend);
        fixtures.add(fixture);
        return fixture;
    }

    // Loading

    @Test
    void requestsToPassiveInstancesAreRefusedInsteadOfWaitingForEver() {
        Engine engine = fixture().model("m", "instance_group [ { count: 1 kind: KIND_CPU passive: true } ]", 1)
                .start();
        engine.load("m", LoadOverride.NONE);

        InferenceException failure = assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "m"));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertTrue(failure.getMessage().contains("passive instances only"), failure.getMessage());
    }

    @Test
    void loadsServesAndUnloadsAModel() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        assertEquals(1, EngineFixture.infer(engine, "m"));

        engine.unload("m", false);
        EngineFixture.until("unloaded", () -> EngineFixture.index(engine).equals(List.of(
                "m 1 UNAVAILABLE (unloaded)")));
        assertEquals(List.of("create fake", "createModel m 1", "createInstance m_0_0", "closeInstance m_0_0",
                "closeModel m 1"), lifeCycle());

        engine.load("m", LoadOverride.NONE);
        assertEquals(1, EngineFixture.infer(engine, "m"));
    }

    @Test
    void loadingAnUnmodifiedModelDoesNothing() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        ServedVersion before = engine.lookup("m", OptionalLong.empty());
        engine.load("m", LoadOverride.NONE);

        assertSame(before, engine.lookup("m", OptionalLong.empty()));
    }

    @Test
    void aChangedModelIsLoadedAgainWhileTheOldOneServes() throws Exception {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        AtomicBoolean isOver = new AtomicBoolean();
        AtomicInteger answers = new AtomicInteger();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int c = 0; c < 8; c++) {
                all.add(clients.submit(() -> {
                    while (!isOver.get()) {
                        EngineFixture.infer(engine, "m");
                        answers.incrementAndGet();
                    }
                }));
            }
            for (int i = 0; i < 10; i++) {
                int before = answers.get();
                fixture.write("m/1/model.bin", "changed " + i);
                engine.load("m", LoadOverride.NONE);
                EngineFixture.until("requests are answered", () -> answers.get() > before + 10);
            }
            isOver.set(true);
            for (Future<?> each : all) {
                each.get();
            }
        }

        assertEquals(11, lifeCycle().stream().filter("createModel m 1"::equals).count());
        EngineFixture.until("the old ones are closed",
                () -> lifeCycle().stream().filter("closeModel m 1"::equals).count() == 10);
        EngineFixture.until("memory is given back", () -> engine.buffers().inUseBytes() == 0);
    }

    @Test
    void aReLoadThatFailsLeavesTheOldVersionServing() {
        AtomicBoolean isBroken = new AtomicBoolean();
        backend.onCreateModel(context -> {
            if (isBroken.get()) {
                throw InferenceException.invalid("corrupt file");
            }
        });
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        isBroken.set(true);
        fixture.write("m/1/model.bin", "corrupt");

        assertEquals("load failed for model 'm': version 1 is at UNAVAILABLE state: Invalid argument: corrupt file;\n",
                loadFailure(engine, "m").getMessage());

        assertEquals(1, EngineFixture.infer(engine, "m"));
        assertEquals(List.of("m 1 READY"), EngineFixture.index(engine));
        isBroken.set(false);
        engine.load("m", LoadOverride.NONE);
        assertEquals(2, lifeCycle().stream().filter("createInstance m_0_0"::equals).count());
    }

    @Test
    void aConfigurationThatCanNotBeReadLeavesTheOldVersionServing() {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/config.pbtxt", "max_batch: 4");

        InferenceException failure = loadFailure(engine, "m");
        assertEquals(StatusCode.INTERNAL, failure.code());
        assertTrue(failure.getMessage().startsWith("failed to load 'm', failed to poll from model repository: "),
                failure.getMessage());
        assertEquals(1, EngineFixture.infer(engine, "m"));
    }

    @Test
    void anUnknownModelIsToldWithTheTextOfTheReference() {
        Engine engine = fixture().start();

        InferenceException failure = loadFailure(engine, "nobody");
        assertEquals(StatusCode.INTERNAL, failure.code());
        assertTrue(failure.getMessage().startsWith("failed to load 'nobody', failed to poll from model repository"));
        engine.unload("nobody", false);
        assertEquals("Request for unknown model: 'nobody' is not found",
                assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "nobody")).getMessage());
    }

    @Test
    void namesWithPathTricksAreRefused() {
        Engine engine = fixture().start();

        assertEquals("Model name cannot be empty. Please enter a valid name to deploy.",
                loadFailure(engine, "").getMessage());
        for (String name : List.of("..", "a/b", "../x")) {
            assertEquals("invalid model name '" + name + "', model name must not contain path traversal characters",
                    loadFailure(engine, name).getMessage());
        }
    }

    @Test
    void anUnknownBackendIsToldWithTheTextOfTheReference() {
        Engine engine = fixture().write("m/config.pbtxt", "backend: \"none\"").write("m/1/x", "").start();

        assertEquals("load failed for model 'm': version 1 is at UNAVAILABLE state: Invalid argument: unable to find "
                + "backend library for backend 'none', try specifying runtime on the model configuration.;\n",
                loadFailure(engine, "m").getMessage());
    }

    @Test
    void aPolicyThatSelectsNothingIsToldWithTheTextOfTheReference() {
        Engine engine = fixture().model("m", "version_policy { specific { versions: [ 7 ] } }", 1).start();

        InferenceException failure = loadFailure(engine, "m");
        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals("load failed for model 'm': at least one version must be available under the version policy of "
                + "model 'm'\n", failure.getMessage());
    }

    @Test
    void retriesALoadThatFailed() {
        AtomicInteger attempts = new AtomicInteger();
        backend.onCreateModel(context -> {
            if (attempts.incrementAndGet() < 3) {
                throw InferenceException.unavailable("not yet");
            }
        });
        Engine engine = fixture().loadRetries(2).model("m", 1).start();
        engine.load("m", LoadOverride.NONE);

        assertEquals(1, EngineFixture.infer(engine, "m"));
    }

    @Test
    void whatTheBackendThrowsIsToldInOneLineWithoutItsClass() {
        backend.onCreateModel(context -> {
            throw new IllegalStateException("bad magic\nat native code");
        });
        Engine engine = fixture().model("m", 1).start();

        assertEquals(
                "load failed for model 'm': version 1 is at UNAVAILABLE state: Internal: model 'm' failed to load: "
                        + "bad magic;\n",
                loadFailure(engine, "m").getMessage());
    }

    // Versions

    @Test
    void servesTheHighestVersionUnlessThePolicySaysOtherwise() {
        Engine engine = fixture().model("m", 1, 3, 2).start();
        engine.load("m", LoadOverride.NONE);

        assertEquals(3, EngineFixture.infer(engine, "m"));
        assertEquals(List.of("m 3 READY"), EngineFixture.index(engine));
        InferenceException failure = assertThrows(InferenceException.class,
                () -> EngineFixture.infer(engine, "m", OptionalLong.of(1)));
        assertEquals("Request for unknown model: 'm' version 1 is not found", failure.getMessage());
    }

    @Test
    void servesSeveralVersionsSideBySide() {
        Engine engine = fixture().model("m", ALL_VERSIONS, 1, 2, 10).start();
        engine.load("m", LoadOverride.NONE);

        assertEquals(10, EngineFixture.infer(engine, "m"));
        assertEquals(1, EngineFixture.infer(engine, "m", OptionalLong.of(1)));
        assertEquals(2, EngineFixture.infer(engine, "m", OptionalLong.of(2)));
        assertEquals(List.of("m 1 READY", "m 2 READY", "m 10 READY"), EngineFixture.index(engine));
    }

    @Test
    void oneVersionThatFailsFailsAll() {
        backend.onCreateModel(context -> {
            if (context.version() == 2) {
                throw InferenceException.invalid("broken");
            }
        });
        Engine engine = fixture().model("m", ALL_VERSIONS, 1, 2).start();

        assertEquals("load failed for model 'm': version 2 is at UNAVAILABLE state: Invalid argument: broken;\n",
                loadFailure(engine, "m").getMessage());
        assertEquals(List.of("m 1 UNAVAILABLE (unloaded)", "m 2 UNAVAILABLE (Invalid argument: broken)"),
                EngineFixture.index(engine));
        assertTrue(lifeCycle().contains("closeModel m 1"), "a model never half-loads");
        assertFalse(engine.isReady());
    }

    @ParameterizedTest
    @ValueSource(strings = {"delete", "policy", "edit"})
    void aFailedVersionThatNobodyAsksForAnyMoreDoesNoHarm(String way) {
        // given
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/2/model.bin", "v2");
        backend.onCreateModel(context -> {
            if (context.version() == 2) {
                throw InferenceException.internal("broken file");
            }
        });
        assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));
        assertEquals(List.of("m 1 READY", "m 2 UNAVAILABLE (Internal: broken file)"), EngineFixture.index(engine));
        assertFalse(engine.isReady());

        // when
        switch (way) {
            case "delete" -> fixture.delete("m/2");
            case "policy" -> fixture.model("m", "version_policy { specific { versions: 1 } }");
            default -> fixture.delete("m/2").model("m", "parameters { key: 'k' value { string_value: 'v' } }");
        }
        engine.load("m", LoadOverride.NONE);

        // then
        assertEquals(List.of("m 1 READY"), EngineFixture.index(engine));
        assertTrue(engine.isReady());
    }

    @Test
    void aNewVersionReplacesTheOldOne() {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/2/model.bin", "v2");
        engine.load("m", LoadOverride.NONE);

        assertEquals(2, EngineFixture.infer(engine, "m"));
        EngineFixture.until("version 1 is gone", () -> EngineFixture.index(engine).equals(
                List.of("m 1 UNAVAILABLE (unloaded)", "m 2 READY")));
        assertEquals("Request for unknown model: 'm' version 1 is not at ready state",
                assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "m", OptionalLong.of(1)))
                        .getMessage());
        assertTrue(engine.isReady(), "a version that was unloaded on purpose does no harm");
    }

    // Unloading

    @Test
    void unloadingFinishesRunningRequestsAndRefusesNewOnes() throws Exception {
        CountDownLatch isRunning = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        backend.onExecute(batch -> {
            isRunning.countDown();
            EngineFixture.await(mayEnd);
            FakeBackend.echo(batch);
        });
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            EngineFixture.await(isRunning);
            Future<Long> waiting = clients.submit(() -> EngineFixture.infer(engine, "m"));
            EngineFixture.until("the second request waits",
                    () -> engine.lookup("m", OptionalLong.empty()).queueSize() == 1);

            engine.unload("m", false);
            assertEquals(List.of("m 1 UNLOADING"), EngineFixture.index(engine));
            InferenceException refused = assertThrows(InferenceException.class,
                    () -> EngineFixture.infer(engine, "m"));
            assertEquals(StatusCode.NOT_FOUND, refused.code());
            assertEquals("Request for unknown model: 'm' has no available versions", refused.getMessage());
            assertEquals("Request for unknown model: 'm' version 1 is not at ready state",
                    assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "m", OptionalLong.of(1)))
                            .getMessage());

            mayEnd.countDown();
            assertEquals(1, running.get());
            assertEquals(1, waiting.get());
        }
        EngineFixture.until("unloaded", () -> EngineFixture.index(engine).equals(List.of(
                "m 1 UNAVAILABLE (unloaded)")));
    }

    @Test
    void anUnloadDuringALoadOverrulesIt() throws Exception {
        CountDownLatch isLoading = new CountDownLatch(1);
        CountDownLatch mayLoad = new CountDownLatch(1);
        backend.onCreateModel(context -> {
            isLoading.countDown();
            EngineFixture.await(mayLoad);
        });
        Engine engine = fixture().model("m", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> load = clients.submit(() -> engine.load("m", LoadOverride.NONE));
            EngineFixture.await(isLoading);
            assertEquals(List.of("m 1 LOADING"), EngineFixture.index(engine));
            assertFalse(engine.isReady());

            engine.unload("m", false);
            mayLoad.countDown();
            ExecutionException failure = assertThrows(ExecutionException.class, load::get);
            assertEquals("load failed for model 'm': Newer operation has been applied to the model lifecycle, current "
                    + "load operation is out-dated.\n", Objects.requireNonNull(failure.getCause()).getMessage());
        }
        assertEquals(List.of("m 1 UNAVAILABLE (unloaded)"), EngineFixture.index(engine));
        assertTrue(lifeCycle().contains("closeModel m 1"));
        assertTrue(engine.isReady());
    }

    // At the same time

    @Test
    void twoLoadsOfOneModelLoadItOnce() throws Exception {
        Engine engine = fixture().model("m", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                all.add(clients.submit(() -> engine.load("m", LoadOverride.NONE)));
            }
            for (Future<?> each : all) {
                each.get();
            }
        }

        assertEquals(List.of("create fake", "createModel m 1", "createInstance m_0_0"), lifeCycle());
    }

    @Test
    void manyLoadsOfASlowModelDoNotKeepOthersFromLoading() throws Exception {
        CountDownLatch isLoading = new CountDownLatch(1);
        CountDownLatch mayLoad = new CountDownLatch(1);
        backend.onCreateModel(context -> {
            if (context.name().equals("slow")) {
                isLoading.countDown();
                EngineFixture.await(mayLoad);
            }
        });
        Engine engine = fixture().loadThreads(2).model("slow", 1).model("quick", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                all.add(clients.submit(() -> engine.load("slow", LoadOverride.NONE)));
            }
            EngineFixture.await(isLoading);

            engine.load("quick", LoadOverride.NONE);
            assertEquals(1, EngineFixture.infer(engine, "quick"));
            mayLoad.countDown();
            for (Future<?> each : all) {
                each.get();
            }
        }
    }

    // Instances

    @Test
    void aFailingInstanceClosesWhatWasCreatedBefore() {
        backend.onCreateInstance(context -> {
            if (context.name().equals("m_0_2")) {
                throw InferenceException.unavailable("out of memory");
            }
        });
        Engine engine = fixture().model("m", "instance_group [ { count: 3 kind: KIND_CPU } ]", 1).start();

        assertEquals("load failed for model 'm': version 1 is at UNAVAILABLE state: Unavailable: out of memory;\n",
                loadFailure(engine, "m").getMessage());
        assertEquals(List.of("create fake", "createModel m 1", "createInstance m_0_0", "createInstance m_0_1",
                "createInstance m_0_2", "closeInstance m_0_0", "closeInstance m_0_1", "closeModel m 1"), lifeCycle());
    }

    @Test
    void passiveInstancesAreLoadedButNeverScheduled() {
        Engine engine = fixture().model("m", "instance_group [ { name: \"on\" count: 1 kind: KIND_CPU }, "
                + "{ name: \"off\" count: 1 kind: KIND_CPU passive: true } ]", 1).start();
        engine.load("m", LoadOverride.NONE);
        for (int i = 0; i < 4; i++) {
            EngineFixture.infer(engine, "m");
        }
        engine.unload("m", false);
        EngineFixture.until("closed", () -> lifeCycle().contains("closeModel m 1"));

        assertTrue(lifeCycle().containsAll(List.of("createInstance off_0", "closeInstance off_0")));
        assertFalse(backend.events().contains("execute off_0 [1 requests]"));
    }

    // Memory

    @Test
    void backendsCanNotWriteIntoInputs() {
        AtomicReference<Boolean> isReadOnly = new AtomicReference<>();
        backend.onExecute(batch -> {
            isReadOnly.set(batch.requests().stream().flatMap(request -> request.inputs().stream())
                    .allMatch(input -> input.data().isReadOnly()));
            FakeBackend.echo(batch);
        });
        Engine engine = fixture().model("m", EngineFixture.GROUP_OF_ONE + warmUp("zero_data: true"), 1).start();
        engine.load("m", LoadOverride.NONE);
        assertEquals(true, isReadOnly.getAndSet(null), "in a warm-up");

        EngineFixture.infer(engine, "m");
        assertEquals(true, isReadOnly.get(), "in a request");
    }

    @Test
    void manyLoadsInferencesAndUnloadsLeaveNothingBehind() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        EngineFixture.infer(engine, "m");
        Predicate<Thread> isInstance = thread -> thread.getName().startsWith("m_0_");
        for (int i = 0; i < 500; i++) {
            engine.unload("m", false);
            engine.load("m", LoadOverride.NONE);
            assertEquals(1, EngineFixture.infer(engine, "m"));
        }

        EngineFixture.until("one instance thread is left",
                () -> Thread.getAllStackTraces().keySet().stream().filter(isInstance).count() == 1);
        assertEquals(0, engine.buffers().inUseBytes());
        assertTrue(engine.buffers().freeBytes() < 1 << 20, () -> "keeps " + engine.buffers().freeBytes());
        assertEquals(501, lifeCycle().stream().filter("createModel m 1"::equals).count());
        assertEquals(500, lifeCycle().stream().filter("closeModel m 1"::equals).count());
    }

    // Overrides

    @Test
    void aConfigurationThatComesWithTheRequestReplacesThatOfTheRepositoryUntilTheNextPlainLoad() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        String json = engine.lookup("m", OptionalLong.empty()).configJson().replace("\"max_batch_size\":4",
                "\"max_batch_size\":2");
        engine.load("m", new LoadOverride(Optional.of(json), Map.of()));
        assertEquals(2, engine.lookup("m", OptionalLong.empty()).config().maxBatchSize());

        engine.load("m", LoadOverride.NONE);
        assertEquals(4, engine.lookup("m", OptionalLong.empty()).config().maxBatchSize());
    }

    @Test
    void anOverrideForcesALoadEvenWhereNothingChanged() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        ServedVersion before = engine.lookup("m", OptionalLong.empty());
        engine.load("m", new LoadOverride(Optional.of(before.configJson()), Map.of()));
        engine.load("m", new LoadOverride(Optional.of(before.configJson()), Map.of()));

        assertEquals(3, lifeCycle().stream().filter("createModel m 1"::equals).count());
    }

    @Test
    void filesThatComeWithTheRequestMakeAModelDirectoryOfTheirOwn() throws IOException {
        List<String> contents = Collections.synchronizedList(new ArrayList<>());
        List<Path> directories = Collections.synchronizedList(new ArrayList<>());
        backend.onCreateModel(context -> {
            try {
                contents.add(Files.readString(context.versionDirectory().resolve("model.bin")));
                directories.add(context.modelDirectory());
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        String json = engine.lookup("m", OptionalLong.empty()).configJson();
        engine.load("m", new LoadOverride(Optional.of(json),
                Map.of("file:5/model.bin", "mine".getBytes(StandardCharsets.UTF_8))));

        assertEquals(5, EngineFixture.infer(engine, "m"));
        assertEquals(List.of("v1", "mine"), contents);
        assertFalse(directories.getLast().startsWith(fixture.repository()));
        engine.load("m", LoadOverride.NONE);
        assertEquals(1, EngineFixture.infer(engine, "m"));
        EngineFixture.until("the files are deleted", () -> Files.notExists(directories.get(1)));
    }

    @Test
    void filesWithoutConfigurationAreRefused() {
        Engine engine = fixture().model("m", 1).start();

        InferenceException failure = assertThrows(InferenceException.class, () -> engine.load("m",
                new LoadOverride(Optional.empty(), Map.of("file:1/model.bin", new byte[1]))));
        assertEquals("failed to load 'm', failed to poll from model repository: Load parameter 'config' must be "
                + "specified for model file override", failure.getMessage());
    }

    // Control modes

    @ParameterizedTest
    @EnumSource(names = {"NONE", "POLL"})
    void loadAndUnloadAreForExplicitModeOnly(ControlMode mode) {
        Engine engine = fixture().mode(mode).model("m", 1).start();

        for (Runnable call : List.<Runnable>of(() -> engine.load("m", LoadOverride.NONE),
                () -> engine.unload("m", false))) {
            InferenceException failure = assertThrows(InferenceException.class, call::run);
            assertEquals(StatusCode.UNAVAILABLE, failure.code());
            assertEquals("explicit model load / unload is not allowed if polling is enabled", failure.getMessage());
        }
        assertEquals(1, EngineFixture.infer(engine, "m"));
    }

    @Test
    void explicitModeLoadsTheModelsThatItIsToldTo() {
        Engine engine = fixture().startupModels("a").model("a", 1).model("b", 1).start();

        assertEquals(List.of("a 1 READY", "b"), EngineFixture.index(engine));
        assertEquals(1, engine.index(true).size());
        assertTrue(engine.isReady(), "a model that nobody asked for does no harm");
    }

    @Test
    void theStartTellsWhichModelsFailed() {
        Engine engine = fixture().mode(ControlMode.NONE).model("good", 1).write("bad/config.pbtxt", "nonsense")
                .create();

        Map<String, InferenceException> failures = engine.start();
        assertEquals(Set.of("bad"), failures.keySet());
        assertEquals(1, EngineFixture.infer(engine, "good"));
    }

    @Test
    void nothingIsAnsweredBeforeTheStart() {
        Engine engine = fixture().model("m", 1).create();

        assertFalse(engine.isReady());
        assertEquals("Server not ready",
                assertThrows(InferenceException.class, () -> engine.index(false)).getMessage());
        assertEquals("Server not ready", loadFailure(engine, "m").getMessage());
    }

    // Readiness

    @Test
    void aModelThatFailedMakesAStrictServerNotReady() {
        backend.onCreateModel(context -> {
            throw InferenceException.invalid("broken");
        });
        Engine engine = fixture().model("m", 1).start();
        assertTrue(engine.isReady(), "no model");
        assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));

        assertFalse(engine.isReady());
    }

    @Test
    void aLaxServerIsReadyOnceItHasStarted() {
        backend.onCreateModel(context -> {
            throw InferenceException.invalid("broken");
        });
        Engine engine = fixture().laxReadiness().model("m", 1).create();
        assertFalse(engine.isReady());
        Map<String, InferenceException> ignored = engine.start();
        assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));

        assertTrue(engine.isReady());
        engine.beginStop();
        assertFalse(engine.isReady());
    }

    @Test
    void anInstanceThatIsNotReadyMakesModelAndServerNotReady() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        assertTrue(engine.lookup("m", OptionalLong.empty()).isReady());

        backend.setReady(false);
        assertFalse(engine.lookup("m", OptionalLong.empty()).isReady());
        assertFalse(engine.isReady());
        backend.setReady(true);
        assertTrue(engine.isReady());
    }

    @Test
    void aModelInTwoRepositoriesIsNotServed() throws IOException {
        Path other = Files.createDirectories(directory.resolve("other"));
        Files.createDirectories(other.resolve("m/1"));
        Engine engine = fixture().alsoServing(other).model("m", 1).start();

        assertEquals(
                "failed to load 'm', failed to poll from model repository: failed to poll model 'm': model appears "
                        + "in two or more repositories",
                loadFailure(engine, "m").getMessage());
        assertEquals(List.of("m UNAVAILABLE (model appears in two or more repositories)"),
                EngineFixture.index(engine));
    }

    // The end

    @Test
    void stoppingFinishesRunningRequests() throws Exception {
        CountDownLatch isRunning = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        backend.onExecute(batch -> {
            isRunning.countDown();
            EngineFixture.await(mayEnd);
            FakeBackend.echo(batch);
        });
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            EngineFixture.await(isRunning);
            Future<Boolean> stop = clients.submit(() -> engine.stopWithin(Duration.ofSeconds(30)));
            EngineFixture.until("it stops", engine::isStopping);
            mayEnd.countDown();

            assertTrue(stop.get());
            assertEquals(1, running.get());
        }
        assertEquals(List.of("closeInstance m_0_0", "closeModel m 1", "close fake"), lifeCycle().subList(3, 6));
        assertTrue(engine.stopWithin(Duration.ZERO), "a second stop does nothing");
    }

    @Test
    void stoppingGivesUpOnRequestsThatTakeTooLong() throws Exception {
        CountDownLatch isRunning = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        backend.onExecute(batch -> {
            isRunning.countDown();
            EngineFixture.await(mayEnd);
            FakeBackend.echo(batch);
        });
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            EngineFixture.await(isRunning);

            assertFalse(engine.stopWithin(Duration.ZERO));
            assertFalse(backend.events().contains("close fake"), "the backend may still be in use");
            mayEnd.countDown();
            assertEquals(1, running.get());
        }
    }

    @Test
    void stoppingWaitsForALoadThatIsUnderWayBeforeItClosesBackends() throws Exception {
        CountDownLatch isLoading = new CountDownLatch(1);
        CountDownLatch mayLoad = new CountDownLatch(1);
        backend.onCreateModel(context -> {
            isLoading.countDown();
            EngineFixture.await(mayLoad);
        });
        Engine engine = fixture().model("m", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> load = clients.submit(() -> engine.load("m", LoadOverride.NONE));
            EngineFixture.await(isLoading);
            Future<Boolean> stop = clients.submit(() -> engine.stopWithin(Duration.ofSeconds(30)));
            EngineFixture.until("it stops", engine::isStopping);
            mayLoad.countDown();

            assertTrue(stop.get());
            assertThrows(ExecutionException.class, load::get);
        }
        assertEquals(List.of("closeModel m 1", "close fake"), lifeCycle().subList(lifeCycle().size() - 2,
                lifeCycle().size()));
    }

    @Test
    void stoppingWaitsForVersionsThatAReLoadHasReplaced() throws Exception {
        CountDownLatch isClosing = new CountDownLatch(1);
        CountDownLatch mayClose = new CountDownLatch(1);
        AtomicBoolean isFirst = new AtomicBoolean(true);
        backend.onCloseInstance(() -> {
            if (isFirst.getAndSet(false)) {
                isClosing.countDown();
                EngineFixture.await(mayClose);
            }
        });
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/1/model.bin", "changed");
        engine.load("m", LoadOverride.NONE);
        EngineFixture.await(isClosing);

        assertFalse(engine.stopWithin(Duration.ofMillis(200)), "the old version is still being closed");
        assertFalse(lifeCycle().contains("close fake"));
        mayClose.countDown();
        EngineFixture.until("both are closed",
                () -> lifeCycle().stream().filter("closeModel m 1"::equals).count() == 2);
    }

    private List<String> lifeCycle() {
        return backend.events().stream().filter(event -> !event.startsWith("execute")).toList();
    }

    private static String warmUp(String data) {
        return " model_warmup [ { name: \"w\" batch_size: 2 inputs { key: \"INPUT0\" value: { data_type: TYPE_UINT8 "
                + "dims: [ 4 ] " + data + " } } } ]";
    }

    private static InferenceException loadFailure(Engine engine, String model) {
        return assertThrows(InferenceException.class, () -> engine.load(model, LoadOverride.NONE));
    }
}
