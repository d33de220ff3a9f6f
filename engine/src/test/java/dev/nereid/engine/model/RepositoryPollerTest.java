package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.ControlMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class RepositoryPollerTest {
    private final FakeBackend backend = new FakeBackend("fake");
    private final EngineFixture fixture;
    private final Path other;

    RepositoryPollerTest(@TempDir Path directory) throws IOException {
        other = Files.createDirectories(directory.resolve("other"));
        fixture = new EngineFixture(directory, backend).alsoServing(other).mode(ControlMode.POLL);
    }

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixture.close();
        assertEquals(List.of(), backend.violations());
    }

    @Test
    void loadsWhatIsNew() {
        Engine engine = fixture.model("a", 1).start();
        fixture.model("b", 1);
        poll(engine);

        assertEquals(List.of("a 1 READY", "b 1 READY"), EngineFixture.index(engine));
    }

    @Test
    void loadsAgainWhatChanged() {
        Engine engine = fixture.model("a", 1).model("b", 1).start();
        fixture.write("a/2/model.bin", "new");
        poll(engine);

        assertEquals(2, EngineFixture.infer(engine, "a"));
        assertEquals(1, backend.events().stream().filter("createModel b 1"::equals).count());
    }

    @Test
    void doesNothingWhereNothingChanged() {
        Engine engine = fixture.model("a", 1).start();
        List<String> before = backend.events();
        poll(engine);
        poll(engine);

        assertEquals(before, backend.events());
    }

    @Test
    void unloadsWhatIsGone() {
        Engine engine = fixture.model("a", 1).start();
        fixture.delete("a");
        poll(engine);

        assertEquals(List.of(), EngineFixture.index(engine));
        assertEquals("Request for unknown model: 'a' has no available versions",
                assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "a")).getMessage());
        EngineFixture.until("closed", () -> backend.events().contains("closeModel a 1"));
    }

    @Test
    void aModelThatFailedAndIsGoneNoLongerKeepsTheServerFromBeingReady() {
        backend.onCreateModel(context -> {
            throw InferenceException.invalid("broken");
        });
        Engine engine = fixture.model("a", 1).model("b").start();
        assertFalse(engine.isReady());
        fixture.delete("a").delete("b");
        poll(engine);
        poll(engine);

        assertTrue(engine.isReady());
        assertEquals("Request for unknown model: 'b' is not found",
                assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "b")).getMessage());
    }

    @Test
    void aModelThatComesBackIsServedAgain() {
        Engine engine = fixture.model("a", 1).start();
        fixture.delete("a");
        poll(engine);
        fixture.model("a", 1);
        poll(engine);

        assertEquals(1, EngineFixture.infer(engine, "a"));
    }

    @Test
    void aModelThatIsGoneWhileItIsBusyDoesNotComeBackAsAShadow() throws Exception {
        Gate gate = new Gate();
        backend.onExecute(batch -> {
            gate.pass();
            FakeBackend.echo(batch);
        });
        Engine engine = fixture.model("a", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "a"));
            gate.awaitArrivals();
            fixture.delete("a");
            poll(engine);
            gate.open();
            assertEquals(1, running.get());
        }
        EngineFixture.until("closed", () -> backend.events().contains("closeModel a 1"));
        fixture.model("b", 1);
        poll(engine);

        assertTrue(engine.isReady());
        assertEquals("Request for unknown model: 'a' has no available versions",
                assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "a")).getMessage());
    }

    @Test
    void triesAModelThatFailedAgainOnlyWhenItChanged() {
        AtomicInteger attempts = new AtomicInteger();
        backend.onCreateModel(context -> {
            if (attempts.incrementAndGet() == 1) {
                throw InferenceException.invalid("broken");
            }
        });
        Engine engine = fixture.model("a", 1).start();
        poll(engine);
        assertEquals(1, attempts.get());
        assertFalse(engine.isReady());

        fixture.write("a/1/model.bin", "mended");
        poll(engine);
        assertEquals(1, EngineFixture.infer(engine, "a"));
        assertTrue(engine.isReady());
    }

    @Test
    void aConfigurationThatCanNotBeReadLeavesTheModelServing() {
        Engine engine = fixture.model("a", 1).start();
        fixture.write("a/config.pbtxt", "nonsense");
        poll(engine);

        assertEquals(1, EngineFixture.infer(engine, "a"));
    }

    @Test
    void aModelThatAppearsInASecondRepositoryIsNoLongerServedUntilItIsGoneThere() throws IOException {
        Engine engine = fixture.model("a", 1).start();
        Path second = other.resolve("a");
        Path version = Files.createDirectories(second.resolve("1"));
        poll(engine);
        assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "a"));

        Files.delete(version);
        Files.delete(second);
        poll(engine);
        assertEquals(1, EngineFixture.infer(engine, "a"));
    }

    private static void poll(Engine engine) {
        engine.poller().orElseThrow().poll();
    }
}
