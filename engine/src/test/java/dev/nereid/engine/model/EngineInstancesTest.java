package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What happens to instances and to the memory of requests. */
@Timeout(120)
class EngineInstancesTest extends EngineTesting {
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

    private static String warmUp(String data) {
        return " model_warmup [ { name: \"w\" batch_size: 2 inputs { key: \"INPUT0\" value: { data_type: TYPE_UINT8 "
                + "dims: [ 4 ] " + data + " } } } ]";
    }
}
