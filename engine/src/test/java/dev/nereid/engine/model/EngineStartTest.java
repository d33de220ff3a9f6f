package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.ControlMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Control modes, the start, and when a server is ready. */
@Timeout(120)
class EngineStartTest extends EngineTesting {
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
    void aRepositoryThatIsMissingLeavesTheServerUpButNeverReady() {
        EngineFixture fixture = fixture().stayingUp().laxReadiness().model("a", 1);
        Engine engine = fixture.alsoServing(fixture.repository().resolve("missing")).start();

        assertFalse(engine.isReady());
        assertEquals("Server not ready",
                assertThrows(InferenceException.class, () -> engine.load("a", LoadOverride.NONE)).getMessage());
        assertEquals(List.of(), lifeCycle());
    }

    @Test
    void aRepositoryThatIsMissingEndsTheStart() {
        EngineFixture fixture = fixture();
        fixture.alsoServing(fixture.repository().resolve("missing"));

        assertEquals("repository path is not a valid directory",
                assertThrows(InferenceException.class, fixture::create).getMessage());
    }

    @Test
    void nothingIsAnsweredBeforeTheStart() {
        Engine engine = fixture().model("m", 1).create();

        assertFalse(engine.isReady());
        assertEquals("Server not ready",
                assertThrows(InferenceException.class, () -> engine.index(false)).getMessage());
        assertEquals("Server not ready", loadFailure(engine, "m").getMessage());
    }

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
}
