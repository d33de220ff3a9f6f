package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What tests of an engine have in common: fixtures over one repository and one fake backend, checked at the end. */
@Timeout(120)
abstract class EngineTesting {
    @TempDir
    Path directory;
    final FakeBackend backend = new FakeBackend("fake");
    private final List<EngineFixture> fixtures = new ArrayList<>();

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixtures.forEach(EngineFixture::close);
        assertEquals(List.of(), backend.violations());
    }

    EngineFixture fixture() {
        EngineFixture fixture = new EngineFixture(directory, backend);
        fixtures.add(fixture);
        return fixture;
    }

    /** Returns what the backend was called for, without executions. */
    List<String> lifeCycle() {
        return backend.events().stream().filter(event -> !event.startsWith("execute")).toList();
    }

    /** Returns why a model can't be loaded. */
    static InferenceException loadFailure(Engine engine, String model) {
        return assertThrows(InferenceException.class, () -> engine.load(model, LoadOverride.NONE));
    }
}
