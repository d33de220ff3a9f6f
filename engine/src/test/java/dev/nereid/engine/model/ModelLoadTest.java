package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
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
        Gate gate = new Gate();
        backend.onExecute(batch -> {
            gate.pass();
            FakeBackend.echo(batch);
        });
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            gate.awaitArrivals();
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

            gate.open();
            assertEquals(1, running.get());
            assertEquals(1, waiting.get());
        }
        EngineFixture.until("unloaded", () -> EngineFixture.index(engine).equals(List.of(
                "m 1 UNAVAILABLE (unloaded)")));
    }

    @Test
    void anUnloadDuringALoadWaitsForIt() throws Exception {
        Gate gate = new Gate();
        backend.onCreateModel(context -> {
            gate.pass();
        });
        Engine engine = fixture().model("m", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> load = clients.submit(() -> engine.load("m", LoadOverride.NONE));
            gate.awaitArrivals();
            assertEquals(List.of("m 1 LOADING"), EngineFixture.index(engine));
            assertFalse(engine.isReady());

            CountDownLatch isUnloading = new CountDownLatch(1);
            Future<?> unload = clients.submit(() -> {
                isUnloading.countDown();
                engine.unload("m", false);
            });
            EngineFixture.await(isUnloading);
            assertEquals(List.of("m 1 LOADING"), EngineFixture.index(engine));
            gate.open();
            load.get();
            unload.get();
        }
        EngineFixture.until("unloaded", () -> EngineFixture.index(engine).equals(List.of(
                "m 1 UNAVAILABLE (unloaded)")));
        assertTrue(lifeCycle().contains("closeModel m 1"));
        assertTrue(engine.isReady());
    }

    @Test
    void loadsUpdatesAndUnloadsOfOneModelAllSucceed() throws Exception {
        EngineFixture fixture = fixture().model("m", 1, 2).model("n", 1);
        Engine engine = fixture.start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int c = 0; c < 8; c++) {
                Random random = new Random(c);
                all.add(clients.submit(() -> {
                    for (int i = 0; i < 25; i++) {
                        String model = random.nextBoolean() ? "m" : "n";
                        switch (random.nextInt(4)) {
                            case 0 -> engine.unload(model, false);
                            case 1 -> engine.load(model, new LoadOverride(
                                    Optional.of(config(1 + random.nextInt(8))), Map.of()));
                            case 2 -> {
                                swapConfig(fixture, model, 1 + random.nextInt(3));
                                engine.load(model, LoadOverride.NONE);
                            }
                            default -> engine.load(model, LoadOverride.NONE);
                        }
                    }
                    return null;
                }));
            }
            for (Future<?> each : all) {
                each.get();
            }
        }
        engine.load("m", LoadOverride.NONE);
        engine.load("n", LoadOverride.NONE);

        assertEquals(2, EngineFixture.infer(engine, "m"));
        assertEquals(1, EngineFixture.infer(engine, "n"));
        assertTrue(engine.isReady());
        EngineFixture.until("what was replaced is closed", () -> open("createModel", "closeModel") == 2);
    }

    private static String config(int maxBatchSize) {
        return """
                {"backend":"fake","max_batch_size":%d,
                "input":[{"name":"INPUT0","data_type":"TYPE_UINT8","dims":[4]}],
                "output":[{"name":"OUTPUT0","data_type":"TYPE_UINT8","dims":[4]}]}""".formatted(maxBatchSize);
    }

    /** Replaces a configuration in one step, as a deployment does: no load sees half of it. */
    private static void swapConfig(EngineFixture fixture, String model, int instances) throws IOException {
        synchronized (fixture) {
            fixture.model("../next", EngineFixture.GROUP_OF_ONE.replace("1", Integer.toString(instances)));
            Files.move(fixture.repository().resolve("../next/config.pbtxt"),
                    fixture.repository().resolve(model).resolve("config.pbtxt"), StandardCopyOption.ATOMIC_MOVE);
        }
    }

    private long open(String opened, String closed) {
        List<String> events = backend.events();
        return events.stream().filter(event -> event.startsWith(opened)).count()
                - events.stream().filter(event -> event.startsWith(closed)).count();
    }

    @Test
    void aFileWithAnotherSumThanTheConfigurationSaysKeepsTheModelFromLoading() {
        EngineFixture fixture = fixture().model("m", EngineFixture.GROUP_OF_ONE + """
                model_repository_agents { agents { name: "checksum" parameters {
                    key: "MD5:1/model.bin" value: "6654c734ccab8f440ff0825eb443dc7f" } } }
                """, 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/1/model.bin", "v2");

        assertEquals(
                "failed to load 'm', failed to poll from model repository: model 'm' has a file '1/model.bin' whose MD5 "
                        + "sum is 1b267619c4812cc46ee281747884ca50, expected 6654c734ccab8f440ff0825eb443dc7f; the file is damaged or not the one that the "
                        + "configuration was made for",
                loadFailure(engine, "m").getMessage());
        assertEquals(1, EngineFixture.infer(engine, "m"), "the version before serves on");
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
        Gate gate = new Gate();
        backend.onCreateModel(context -> {
            if (context.name().equals("slow")) {
                gate.pass();
            }
        });
        Engine engine = fixture().loadThreads(2).model("slow", 1).model("quick", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                all.add(clients.submit(() -> engine.load("slow", LoadOverride.NONE)));
            }
            gate.awaitArrivals();

            engine.load("quick", LoadOverride.NONE);
            assertEquals(1, EngineFixture.infer(engine, "quick"));
            gate.open();
            for (Future<?> each : all) {
                each.get();
            }
        }
    }
}
