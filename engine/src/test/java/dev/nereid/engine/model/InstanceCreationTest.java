package dev.nereid.engine.model;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.EngineOptions.RateResource;
import dev.nereid.engine.EngineOptions.SchedulingOptions;
import dev.nereid.engine.HostPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** How the instances of a model come to be: one by one or together, with a share of resources, on certain cores. */
@Timeout(120)
class InstanceCreationTest {
    private static final String THREE = "instance_group [ { count: 3 kind: KIND_CPU } ]";

    private final FakeBackend backend = new FakeBackend("fake");
    private final EngineFixture fixture;

    InstanceCreationTest(@TempDir Path directory) {
        fixture = new EngineFixture(directory, backend);
    }

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixture.close();
        assertEquals(List.of(), backend.violations());
    }

    // Names and kinds

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            ''                                                                     | m_0 CPU
            instance_group [ { count: 2 } ]                                        | m_0_0 CPU, m_0_1 CPU
            instance_group [ { kind: KIND_AUTO }, { kind: KIND_MODEL count: 2 } ]  | m_0_0 CPU, m_1_0 MODEL, m_1_1 MODEL
            instance_group [ { name: "g" kind: KIND_CPU }, { kind: KIND_CPU } ]    | g_0 CPU, m_1_0 CPU
            """)
    void instancesAreNamedAfterTheirGroups(String groups, String expected) {
        List<String> created = new ArrayList<>();
        backend.onCreateInstance(instance -> {
            assertEquals(0, instance.deviceId());
            created.add(instance.name() + " " + instance.kind());
        });
        load(fixture.model("m", groups, 1).start());

        assertEquals(expected, String.join(", ", created));
    }

    // One by one or together

    @Test
    void instancesAreCreatedOneAfterTheOther() {
        Concurrency concurrency = new Concurrency();
        backend.onCreateInstance(ignored -> concurrency.note());
        load(fixture.model("m", THREE, 1).start());

        assertEquals(1, concurrency.highest());
    }

    @Test
    void instancesAreCreatedTogetherWhereTheBackendAllowsIt() {
        backend.attributes(BackendAttributes.DEFAULT.withParallelInstanceLoading(true));
        CyclicBarrier all = new CyclicBarrier(3);
        backend.onCreateInstance(ignored -> meet(all));

        Engine engine = load(fixture.model("m", THREE, 1).start());

        assertEquals(List.of("m_0_0", "m_0_1", "m_0_2"), engine.lookup("m", OptionalLong.empty())
                .instances().orElseThrow().scheduler().instances().stream().map(instance -> instance.name()).toList());
        EngineFixture.infer(engine, "m");
    }

    @Test
    void theOptionDecidesInsteadOfTheBackend() {
        backend.attributes(BackendAttributes.DEFAULT.withParallelInstanceLoading(true));
        Concurrency concurrency = new Concurrency();
        backend.onCreateInstance(ignored -> concurrency.note());
        load(fixture.scheduling(new SchedulingOptions(Optional.empty(), Map.of(), Optional.of(false), 0, 0))
                .model("m", THREE, 1).start());

        assertEquals(1, concurrency.highest());
    }

    @Test
    void ofInstancesThatFailTogetherTheFirstInOrderSaysWhy() {
        backend.attributes(BackendAttributes.DEFAULT.withParallelInstanceLoading(true));
        backend.onCreateInstance(instance -> {
            throw InferenceException.internal("no memory for " + instance.name());
        });
        Engine engine = fixture.model("m", THREE, 1).start();

        InferenceException failure = assertThrows(InferenceException.class, () -> load(engine));

        assertTrue(failure.getMessage().contains("no memory for m_0_0"), failure.getMessage());
    }

    @Test
    void aFailureAmongInstancesThatAreCreatedTogetherClosesTheOthers() {
        backend.attributes(BackendAttributes.DEFAULT.withParallelInstanceLoading(true));
        CyclicBarrier all = new CyclicBarrier(3);
        backend.onCreateInstance(instance -> {
            meet(all);
            if (instance.name().equals("m_0_1")) {
                throw InferenceException.internal("no memory for " + instance.name());
            }
        });
        Engine engine = fixture.model("m", THREE, 1).start();

        InferenceException failure = assertThrows(InferenceException.class, () -> load(engine));

        assertTrue(failure.getMessage().contains("no memory for m_0_1"), failure.getMessage());
        List<String> events = backend.events();
        assertTrue(events.contains("closeInstance m_0_0"), events::toString);
        assertTrue(events.contains("closeInstance m_0_2"), events::toString);
        assertEquals("closeModel m 1", events.getLast());
    }

    // Resources

    @Test
    void modelsThatShareAResourceTakeTurns() throws Exception {
        Gate gate = new Gate();
        Concurrency concurrency = new Concurrency();
        backend.onExecute(batch -> {
            concurrency.enter();
            gate.pass();
            concurrency.leave();
            FakeBackend.echo(batch);
        });
        String limited = "instance_group [ { kind: KIND_CPU rate_limiter { resources { name: \"R\" count: 1 } } } ]";
        Engine engine = fixture.scheduling(limiting()).model("a", limited, 1).model("b", limited, 1).start();
        engine.load("a", LoadOverride.NONE);
        engine.load("b", LoadOverride.NONE);
        Thread first = Thread.ofVirtual().start(() -> EngineFixture.infer(engine, "a"));
        gate.awaitArrivals();
        Thread second = Thread.ofVirtual().start(() -> EngineFixture.infer(engine, "b"));
        EngineFixture.until("b waits",
                () -> engine.lookup("b", OptionalLong.empty()).queueSize() == 1);

        gate.open();
        first.join();
        second.join();
        assertEquals(1, concurrency.highest());
        assertEquals(1, engine.lookup("b", OptionalLong.empty()).statistics().success().count());
    }

    @Test
    void aModelThatNeedsMoreThanThereIsDoesNotLoad() {
        Engine engine = fixture.scheduling(limiting(new RateResource("R", 2, OptionalInt.empty())))
                .model("m", "instance_group [ { kind: KIND_CPU rate_limiter { resources { name: \"R\" count: 3 } } } ]",
                        1)
                .start();

        InferenceException failure = assertThrows(InferenceException.class, () -> load(engine));

        assertEquals("load failed for model 'm': version 1 is at UNAVAILABLE state: Invalid argument: Resource count "
                + "for \"R\" is limited to 2 which will prevent scheduling of one or more model instances, the minimum "
                + "required count is 3;\n", failure.getMessage());
        assertFalse(backend.events().contains("createInstance m_0_0"));
    }

    @Test
    void anUnloadGivesUpItsResources() {
        String two = "instance_group [ { kind: KIND_CPU rate_limiter { resources { name: \"R\" count: 1 %s } } } ]";
        Engine engine = fixture.scheduling(limiting()).model("a", two.formatted("global: true"), 1)
                .model("b", two.formatted(""), 1).start();
        engine.load("a", LoadOverride.NONE);
        assertThrows(InferenceException.class, () -> engine.load("b", LoadOverride.NONE));

        engine.unload("a", false);
        EngineFixture.until("closed", () -> backend.events().contains("closeModel a 1"));
        engine.load("b", LoadOverride.NONE);
        EngineFixture.infer(engine, "b");
    }

    @Test
    void withoutTheLimiterResourcesMeanNothing() {
        Engine engine = fixture.model("m",
                "instance_group [ { kind: KIND_CPU rate_limiter { resources { name: \"R\" count: 3 } } },"
                        + " { kind: KIND_CPU rate_limiter { resources { name: \"R\" count: 1 global: true } } } ]",
                1).start();
        load(engine);
        EngineFixture.infer(engine, "m");
    }

    // Cores

    @Test
    @EnabledOnOs(OS.LINUX)
    void anInstanceIsCreatedAndExecutedOnTheCoresOfItsPolicy() {
        backend.attributes(BackendAttributes.DEFAULT.withThreadConfinement(ThreadConfinement.ANY_THREAD));
        Set<String> cores = ConcurrentHashMap.newKeySet();
        backend.onCreateInstance(ignored -> cores.add(allowedCores()));
        backend.onExecute(batch -> {
            cores.add(allowedCores());
            FakeBackend.echo(batch);
        });
        int core = firstCore();
        Engine engine = fixture.scheduling(policies("cpu", core + "-" + core)).model("m", 1).start();
        load(engine);
        for (int i = 0; i < 20; i++) {
            EngineFixture.infer(engine, "m");
        }

        assertEquals(Set.of(Integer.toString(core)), cores);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aGroupNamesItsPolicy() {
        AtomicReference<String> cores = new AtomicReference<>("");
        backend.onCreateInstance(ignored -> cores.set(allowedCores()));
        int core = firstCore();
        Engine engine = fixture.scheduling(policies("mine", core + "-" + core))
                .model("m", "instance_group [ { kind: KIND_CPU host_policy: \"mine\" } ]", 1)
                .model("n", 1).start();
        load(engine);
        assertEquals(Integer.toString(core), cores.get());

        engine.load("n", LoadOverride.NONE);
        assertEquals(allowedCores(), cores.get(), "the policy is not its own");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theKindOfAGroupNamesItsPolicyOtherwise() {
        AtomicReference<String> cores = new AtomicReference<>("");
        backend.onCreateInstance(ignored -> cores.set(allowedCores()));
        int core = firstCore();
        load(fixture.scheduling(policies("model", core + "-" + core))
                .model("m", "instance_group [ { kind: KIND_MODEL } ]", 1).start());

        assertEquals(Integer.toString(core), cores.get());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void coresThatTheHostHasNotFailTheLoad() {
        Engine engine = fixture.scheduling(policies("cpu", "4000-4001")).model("m", 1).start();

        InferenceException failure = assertThrows(InferenceException.class, () -> load(engine));

        assertTrue(failure.getMessage().contains("Unable to set NUMA thread affinity: Invalid argument (cores {4000, "
                + "4001})"), failure.getMessage());
    }

    private static Engine load(Engine engine) {
        engine.load("m", LoadOverride.NONE);
        return engine;
    }

    private static void meet(CyclicBarrier all) {
        try {
            all.await(30, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("they are not created at the same time", e);
        }
    }

    private static SchedulingOptions limiting(RateResource... resources) {
        return new SchedulingOptions(Optional.of(List.of(resources)), Map.of(), Optional.empty(), 0, 0);
    }

    private static SchedulingOptions policies(String name, String cores) {
        return new SchedulingOptions(Optional.empty(),
                Map.of(name, new HostPolicy(Optional.of(cores), OptionalInt.empty())), Optional.empty(), 0, 0);
    }

    /** Returns the cores that the current thread may run on, as the kernel writes them. */
    private static String allowedCores() {
        try {
            return Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
                    .filter(line -> line.startsWith("Cpus_allowed_list:")).findFirst().orElseThrow()
                    .substring("Cpus_allowed_list:".length()).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int firstCore() {
        return Integer.parseInt(allowedCores().split("[-,]", -1)[0]);
    }

    private static final class Concurrency {
        private final AtomicInteger running = new AtomicInteger();
        private final AtomicInteger highest = new AtomicInteger();

        void note() {
            enter();
            leave();
        }

        void enter() {
            highest.accumulateAndGet(running.incrementAndGet(), Math::max);
        }

        void leave() {
            running.decrementAndGet();
        }

        int highest() {
            return highest.get();
        }
    }
}
