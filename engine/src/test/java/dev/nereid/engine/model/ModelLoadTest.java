package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Loading models, again and several at a time, and unloading them. */
@Timeout(120)
class ModelLoadTest extends EngineTesting {
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
    void aReLoadBeginsStatisticsAnew() {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        EngineFixture.infer(engine, "m");
        assertEquals(1, engine.readyVersions("m").getFirst().statistics().success().count());

        fixture.write("m/1/model.bin", "changed");
        engine.load("m", LoadOverride.NONE);

        assertEquals(0, engine.readyVersions("m").getFirst().statistics().success().count());
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
}
