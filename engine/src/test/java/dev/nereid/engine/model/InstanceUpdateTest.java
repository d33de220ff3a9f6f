package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Loads that change nothing but instance groups or the version policy. */
@Timeout(120)
class InstanceUpdateTest {
    private final FakeBackend backend = new FakeBackend("fake");
    private final EngineFixture fixture;

    InstanceUpdateTest(@TempDir Path directory) {
        fixture = new EngineFixture(directory, backend);
    }

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixture.close();
        assertEquals(List.of(), backend.violations());
    }

    @Test
    void moreInstancesAreAddedToTheVersionThatServes() {
        Engine engine = loaded(1);
        EngineFixture.infer(engine, "m");
        ServedVersion before = served(engine);

        resize(engine, 3);

        assertEquals(List.of("create fake", "createModel m 1", "createInstance m_0_0", "createInstance m_0_1",
                "createInstance m_0_2"), lifeCycle());
        assertEquals(3, served(engine).instances().orElseThrow().scheduler().instances().size());
        assertEquals(3, served(engine).config().instanceGroups().getFirst().count());
        assertTrue(served(engine).configJson().contains("\"count\":3"));
        assertSame(before.statistics(), served(engine).statistics());
        assertEquals(1, served(engine).statistics().success().count(), "statistics are kept");
        EngineFixture.infer(engine, "m");
        assertEquals(2, served(engine).statistics().success().count());
    }

    @Test
    void fewerInstancesCloseTheRest() {
        Engine engine = loaded(3);
        resize(engine, 1);

        EngineFixture.until("two are closed",
                () -> lifeCycle().stream().filter(event -> event.startsWith("closeInstance")).count() == 2);
        assertEquals(1, served(engine).instances().orElseThrow().scheduler().instances().size());
        assertEquals(1, lifeCycle().stream().filter("createModel m 1"::equals).count());
        EngineFixture.infer(engine, "m");
    }

    @Test
    void aBusyInstanceIsClosedAfterItsExecution() throws Exception {
        Gate gate = new Gate(2);
        backend.onExecute(batch -> {
            gate.pass();
            FakeBackend.echo(batch);
        });
        Engine engine = loaded(2);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> one = clients.submit(() -> EngineFixture.infer(engine, "m"));
            Future<Long> two = clients.submit(() -> EngineFixture.infer(engine, "m"));
            gate.awaitArrivals();
            resize(engine, 1);
            assertFalse(lifeCycle().contains("closeInstance m_0_1"));

            gate.open();
            assertEquals(1, one.get());
            assertEquals(1, two.get());
        }
        EngineFixture.until("closed", () -> lifeCycle().contains("closeInstance m_0_1"));
    }

    @Test
    void anUnloadInTheMiddleClosesEveryInstanceOnceAndTheModelLast() throws Exception {
        Gate gate = new Gate(2);
        backend.onExecute(batch -> {
            gate.pass();
            FakeBackend.echo(batch);
        });
        Engine engine = loaded(2);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> one = clients.submit(() -> EngineFixture.infer(engine, "m"));
            Future<Long> two = clients.submit(() -> EngineFixture.infer(engine, "m"));
            gate.awaitArrivals();
            resize(engine, 1);
            engine.unload("m", false);
            gate.open();
            assertEquals(1, one.get());
            assertEquals(1, two.get());
        }

        EngineFixture.until("closed", () -> lifeCycle().contains("closeModel m 1"));
        assertEquals(2, lifeCycle().stream().filter(event -> event.startsWith("closeInstance")).count());
        assertEquals("closeModel m 1", lifeCycle().getLast());
    }

    @Test
    void aNewInstanceThatFailsLeavesEverythingAsItWas() {
        AtomicBoolean isFull = new AtomicBoolean();
        backend.onCreateInstance(context -> {
            if (isFull.get() && context.name().equals("m_0_2")) {
                throw InferenceException.unavailable("out of memory");
            }
        });
        Engine engine = loaded(1);
        ServedVersion before = served(engine);
        isFull.set(true);

        assertThrows(InferenceException.class, () -> resize(engine, 3));

        assertSame(before, served(engine));
        assertEquals(1, served(engine).instances().orElseThrow().scheduler().instances().size());
        assertTrue(lifeCycle().contains("closeInstance m_0_1"));
        assertEquals(1, EngineFixture.infer(engine, "m"));
        isFull.set(false);
        resize(engine, 3);
        assertEquals(3, served(engine).instances().orElseThrow().scheduler().instances().size());
    }

    @Test
    void aNewVersionThatFailsTakesTheNewInstancesOfTheOthersWithIt() {
        fixture.model("m", groups(1) + " version_policy { all { } }", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        ServedVersion before = served(engine);
        backend.onCreateModel(context -> {
            if (context.version() == 2) {
                throw InferenceException.invalid("broken");
            }
        });
        fixture.model("m", groups(2) + " version_policy { all { } }");
        fixture.write("m/2/model.bin", "v2");

        assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));

        assertSame(before, engine.lookup("m", OptionalLong.of(1)));
        assertEquals(1, before.instances().orElseThrow().scheduler().instances().size());
        assertTrue(lifeCycle().contains("createInstance m_0_1"), "version 1 had its second instance already");
        assertTrue(lifeCycle().contains("closeInstance m_0_1"));
    }

    @Test
    void requestsSeeNothingOfIt() throws Exception {
        Engine engine = loaded(1);
        AtomicBoolean isOver = new AtomicBoolean();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int c = 0; c < 8; c++) {
                all.add(clients.submit(() -> {
                    while (!isOver.get()) {
                        EngineFixture.infer(engine, "m");
                    }
                }));
            }
            for (int i = 0; i < 30; i++) {
                resize(engine, 1 + (i + 1) % 4);
            }
            isOver.set(true);
            for (Future<?> each : all) {
                each.get();
            }
        }

        assertEquals(1, lifeCycle().stream().filter("createModel m 1"::equals).count());
        assertEquals(0, served(engine).statistics().pendingCount());
    }

    @Test
    void anotherVersionPolicyKeepsTheVersionsThatStay() {
        fixture.model("m", policy("all { }"), 1, 2);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        ServedVersion two = engine.lookup("m", OptionalLong.of(2));

        fixture.model("m", policy("latest { num_versions: 1 }"));
        engine.load("m", LoadOverride.NONE);

        assertSame(two.statistics(), engine.lookup("m", OptionalLong.of(2)).statistics());
        EngineFixture.until("version 1 is gone", () -> lifeCycle().contains("closeModel m 1"));
        assertFalse(lifeCycle().contains("closeModel m 2"));
        fixture.model("m", policy("all { }"));
        engine.load("m", LoadOverride.NONE);
        assertEquals(List.of("m 1 READY", "m 2 READY"), EngineFixture.index(engine));
        assertEquals(1, lifeCycle().stream().filter("createModel m 2"::equals).count());
        assertEquals(2, lifeCycle().stream().filter("createModel m 1"::equals).count());
    }

    @Test
    void anOverrideOfTheInstancesWorksInPlaceToo() {
        Engine engine = loaded(1);
        String json = served(engine).configJson().replace("\"count\":1", "\"count\":2");
        engine.load("m", new LoadOverride(Optional.of(json), Map.of()));

        assertEquals(2, served(engine).instances().orElseThrow().scheduler().instances().size());
        assertEquals(1, lifeCycle().stream().filter("createModel m 1"::equals).count());
    }

    @Test
    void anyOtherChangeLoadsAgain() {
        Engine engine = loaded(1);
        fixture.model("m", groups(2) + " parameters { key: \"k\" value: { string_value: \"v\" } }");
        engine.load("m", LoadOverride.NONE);
        assertEquals(2, lifeCycle().stream().filter("createModel m 1"::equals).count());

        fixture.model("m", groups(3) + " parameters { key: \"k\" value: { string_value: \"v\" } }", 1);
        engine.load("m", LoadOverride.NONE);
        assertEquals(3, lifeCycle().stream().filter("createModel m 1"::equals).count(),
                "the version's file changed too");
    }

    private Engine loaded(int count) {
        fixture.model("m", groups(count), 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        return engine;
    }

    private void resize(Engine engine, int count) {
        fixture.model("m", groups(count));
        engine.load("m", LoadOverride.NONE);
    }

    private static String groups(int count) {
        return "instance_group [ { count: " + count + " kind: KIND_CPU } ]";
    }

    private static String policy(String choice) {
        return groups(1) + " version_policy { " + choice + " }";
    }

    private static ServedVersion served(Engine engine) {
        return engine.lookup("m", OptionalLong.empty());
    }

    private List<String> lifeCycle() {
        return backend.events().stream().filter(event -> !event.startsWith("execute")).toList();
    }
}
