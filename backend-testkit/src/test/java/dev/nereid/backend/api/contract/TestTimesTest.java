package dev.nereid.backend.api.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestTimes;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The test engine divides an execution by its marks. */
class TestTimesTest {
    /** What the execution itself saw pass: before the marks, between them, and after them. */
    private long before;
    private long between;
    private long after;

    private static TestTimes times(Consumer<Batch> execution) {
        try (TestEngine engine = TestEngine.start(new FakeBackend("echo").onExecute(execution));
                TestModel model = engine.load(Path.of(""), EchoFactory.config())) {
            assertThrows(IllegalStateException.class, model::lastTimes);
            model.infer(EchoFactory.sampleRequests().getFirst()).response();
            return model.lastTimes();
        }
    }

    private static long pass() {
        long begin = System.nanoTime();
        long now = begin;
        while (now == begin) {
            now = System.nanoTime();
        }
        return now - begin;
    }

    @Test
    void bothMarksDivideInThree() {
        TestTimes times = times(batch -> {
            before = pass();
            batch.markComputeStart();
            between = pass();
            batch.markComputeEnd();
            FakeBackend.echo(batch);
            after = pass();
        });

        assertTrue(times.inputNanos() >= before, times::toString);
        assertTrue(times.inferNanos() >= between, times::toString);
        assertTrue(times.outputNanos() >= after, times::toString);
    }

    @Test
    void withoutMarksAllIsInput() {
        TestTimes times = times(batch -> batch.requests().forEach(request -> request.newResponse().send()));

        assertTrue(times.inputNanos() > 0, times::toString);
        assertEquals(0, times.inferNanos());
        assertEquals(0, times.outputNanos());
    }

    @Test
    void theStartFallsOnTheEndWhereItIsNotMarked() {
        TestTimes times = times(batch -> {
            batch.markComputeEnd();
            FakeBackend.echo(batch);
            after = pass();
        });

        assertEquals(0, times.inferNanos());
        assertTrue(times.outputNanos() >= after, times::toString);
    }
}
