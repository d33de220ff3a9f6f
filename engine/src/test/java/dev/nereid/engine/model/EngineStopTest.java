package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How an engine ends. */
@Timeout(120)
class EngineStopTest extends EngineTesting {
    @Test
    void stoppingFinishesRunningRequests() throws Exception {
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
            Future<Boolean> stop = clients.submit(() -> engine.stopWithin(Duration.ofSeconds(30)));
            EngineFixture.until("it stops", engine::isStopping);
            gate.open();

            assertTrue(stop.get());
            assertEquals(1, running.get());
        }
        assertEquals(List.of("closeInstance m_0_0", "closeModel m 1", "close fake"), lifeCycle().subList(3, 6));
        assertTrue(engine.stopWithin(Duration.ZERO), "a second stop does nothing");
    }

    @Test
    void stoppingGivesUpOnRequestsThatTakeTooLong() throws Exception {
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

            assertFalse(engine.stopWithin(Duration.ZERO));
            assertFalse(backend.events().contains("close fake"), "the backend may still be in use");
            gate.open();
            assertEquals(1, running.get());
        }
    }

    @Test
    void stoppingWaitsForALoadThatIsUnderWayBeforeItClosesBackends() throws Exception {
        Gate gate = new Gate();
        backend.onCreateModel(context -> {
            gate.pass();
        });
        Engine engine = fixture().model("m", 1).start();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<?> load = clients.submit(() -> engine.load("m", LoadOverride.NONE));
            gate.awaitArrivals();
            Future<Boolean> stop = clients.submit(() -> engine.stopWithin(Duration.ofSeconds(30)));
            EngineFixture.until("it stops", engine::isStopping);
            gate.open();

            assertTrue(stop.get());
            assertThrows(ExecutionException.class, load::get);
        }
        assertEquals(List.of("closeModel m 1", "close fake"), lifeCycle().subList(lifeCycle().size() - 2,
                lifeCycle().size()));
    }

    @Test
    void stoppingWaitsForVersionsThatAReLoadHasReplaced() throws Exception {
        Gate gate = new Gate();
        AtomicBoolean isFirst = new AtomicBoolean(true);
        backend.onCloseInstance(() -> {
            if (isFirst.getAndSet(false)) {
                gate.pass();
            }
        });
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/1/model.bin", "changed");
        engine.load("m", LoadOverride.NONE);
        gate.awaitArrivals();

        assertFalse(engine.stopWithin(Duration.ofMillis(200)), "the old version is still being closed");
        assertFalse(lifeCycle().contains("close fake"));
        gate.open();
        EngineFixture.until("both are closed",
                () -> lifeCycle().stream().filter("closeModel m 1"::equals).count() == 2);
    }

    /** Has executions leave their requests, of which the first is given back. */
    private CompletableFuture<InferenceRequest> answeringLater() {
        CompletableFuture<InferenceRequest> left = new CompletableFuture<>();
        backend.onExecute(batch -> {
            InferenceRequest request = batch.requests().getFirst();
            request.answerLater();
            left.complete(request);
        });
        return left;
    }

    private static String failure(Future<Long> running) {
        ExecutionException failure = assertThrows(ExecutionException.class, () -> running.get(30, TimeUnit.SECONDS));
        InferenceException cause = assertInstanceOf(InferenceException.class, failure.getCause());
        assertEquals(StatusCode.UNAVAILABLE, cause.code());
        return cause.getMessage();
    }

    @Test
    void requestsThatThereIsNoTimeForEndAndTheirModelIsClosed() throws Exception {
        CompletableFuture<InferenceRequest> left = answeringLater();
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            InferenceRequest request = left.get(30, TimeUnit.SECONDS);

            Future<Boolean> stop = clients.submit(() -> engine.stopWithin(Duration.ofSeconds(60)));
            EngineFixture.until("it stops", engine::isStopping);

            engine.endLate();

            assertEquals("the server is stopping, and the model did not answer the request in time", failure(running));
            assertTrue(request.isCancelled());
            assertTrue(stop.get());
        }
        assertEquals(List.of("closeInstance m_0_0", "closeModel m 1", "close fake"), lifeCycle().subList(3, 6));
    }

    @Test
    void stoppingEndsRequestsThatAreNotAnsweredInTime() throws Exception {
        CompletableFuture<InferenceRequest> left = answeringLater();
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            InferenceRequest request = left.get(30, TimeUnit.SECONDS);

            boolean ignored = engine.stopWithin(Duration.ofMillis(100));

            assertEquals("the server is stopping, and the model did not answer the request in time", failure(running));
            assertTrue(request.isCancelled());
        }
    }

    @Test
    void anUnloadWaitsForRequestsThatAreAnsweredLater() throws Exception {
        CompletableFuture<InferenceRequest> left = answeringLater();
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            InferenceRequest request = left.get(30, TimeUnit.SECONDS);
            Future<?> unload = clients.submit(() -> engine.unload("m", false));
            EngineFixture.until("it is unloaded", () -> engine.readyVersions("m").isEmpty());
            assertFalse(lifeCycle().contains("closeInstance m_0_0"));

            InferenceResponse response = request.newResponse();
            response.copyOutput("OUTPUT0", DataType.UINT8, Shape.of(1, 4), request.inputs().getFirst().data());
            response.send();

            assertEquals(1, running.get(30, TimeUnit.SECONDS));
            unload.get(30, TimeUnit.SECONDS);
            EngineFixture.until("it is closed", () -> lifeCycle().contains("closeModel m 1"));
        }
    }

    @Test
    void anUnloadEndsRequestsThatAreNotAnsweredInTime() throws Exception {
        CompletableFuture<InferenceRequest> left = answeringLater();
        Engine engine = fixture().unloadTimeout(Duration.ZERO).model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Long> running = clients.submit(() -> EngineFixture.infer(engine, "m"));
            InferenceRequest request = left.get(30, TimeUnit.SECONDS);

            engine.unload("m", false);

            assertEquals("model 'm' is being unloaded, and did not answer the request within 0 s", failure(running));
            assertTrue(request.isCancelled());
            EngineFixture.until("it is closed", () -> lifeCycle().contains("closeModel m 1"));
        }
    }
}
