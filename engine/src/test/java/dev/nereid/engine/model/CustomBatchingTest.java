package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A backend that decides which requests share a batch. */
@Timeout(120)
class CustomBatchingTest {
    private static final String DYNAMIC = EngineFixture.GROUP_OF_ONE + " dynamic_batching { }";

    private final FakeBackend backend = new FakeBackend("fake");
    private final AtomicInteger begun = new AtomicInteger();
    private final EngineFixture fixture;

    CustomBatchingTest(@TempDir Path directory) {
        fixture = new EngineFixture(directory, backend);
        backend.batchingStrategy(() -> {
            begun.incrementAndGet();
            return new AtMostTwo();
        });
    }

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixture.close();
        assertEquals(List.of(), backend.violations());
    }

    @Test
    void theStrategyOfAModelDividesWhatWaits() throws Exception {
        Gate gate = new Gate();
        backend.onExecute(batch -> {
            gate.pass();
            FakeBackend.echo(batch);
        });
        Engine engine = fixture.model("m", DYNAMIC, 1).start();
        engine.load("m", LoadOverride.NONE);
        List<Thread> clients = new ArrayList<>();
        clients.add(Thread.ofVirtual().start(() -> EngineFixture.infer(engine, "m")));
        gate.awaitArrivals();
        for (int i = 0; i < 4; i++) {
            clients.add(Thread.ofVirtual().start(() -> EngineFixture.infer(engine, "m")));
        }
        EngineFixture.until("four wait", () -> engine.lookup("m", OptionalLong.empty()).queueSize() == 4);

        gate.open();
        for (Thread client : clients) {
            client.join();
        }
        assertEquals(List.of("execute m_0_0 [1 requests]", "execute m_0_0 [2 requests]", "execute m_0_0 [2 requests]"),
                backend.events().stream().filter(event -> event.startsWith("execute")).toList());
    }

    @Test
    void itIsNotAskedWithoutDynamicBatching() {
        Engine engine = fixture.model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        EngineFixture.infer(engine, "m");

        assertEquals(0, begun.get());
    }

    @Test
    void nativeBatchingLibrariesAreRefused() {
        Engine engine = fixture.model("m",
                DYNAMIC + " parameters { key: 'TRITON_BATCH_STRATEGY_PATH' value { string_value: 'x.so' } }", 1)
                .start();

        InferenceException failure = assertThrows(InferenceException.class,
                () -> engine.load("m", LoadOverride.NONE));

        assertTrue(failure.getMessage().contains("model 'm' names a native library in its parameter "
                + "TRITON_BATCH_STRATEGY_PATH, which can't be used"), failure.getMessage());
    }

    private static final class AtMostTwo implements BatchingStrategy.BatchBuilder {
        private int requests;

        @Override
        public boolean include(InferenceRequest request) {
            requests++;
            return requests <= 2;
        }
    }
}
