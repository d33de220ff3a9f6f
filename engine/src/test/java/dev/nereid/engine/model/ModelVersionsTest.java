package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which versions of a model serve. */
@Timeout(120)
class ModelVersionsTest extends EngineTesting {
    private static final String ALL_VERSIONS = EngineFixture.GROUP_OF_ONE + " version_policy { all { } }";

    @Test
    void servesTheHighestVersionUnlessThePolicySaysOtherwise() {
        Engine engine = fixture().model("m", 1, 3, 2).start();
        engine.load("m", LoadOverride.NONE);

        assertEquals(3, EngineFixture.infer(engine, "m"));
        assertEquals(List.of("m 3 READY"), EngineFixture.index(engine));
        InferenceException failure = assertThrows(InferenceException.class,
                () -> EngineFixture.infer(engine, "m", OptionalLong.of(1)));
        assertEquals("Request for unknown model: 'm' version 1 is not found", failure.getMessage());
    }

    @Test
    void servesSeveralVersionsSideBySide() {
        Engine engine = fixture().model("m", ALL_VERSIONS, 1, 2, 10).start();
        engine.load("m", LoadOverride.NONE);

        assertEquals(10, EngineFixture.infer(engine, "m"));
        assertEquals(1, EngineFixture.infer(engine, "m", OptionalLong.of(1)));
        assertEquals(2, EngineFixture.infer(engine, "m", OptionalLong.of(2)));
        assertEquals(List.of("m 1 READY", "m 2 READY", "m 10 READY"), EngineFixture.index(engine));
    }

    @Test
    void oneVersionThatFailsFailsAll() {
        backend.onCreateModel(context -> {
            if (context.version() == 2) {
                throw InferenceException.invalid("broken");
            }
        });
        Engine engine = fixture().model("m", ALL_VERSIONS, 1, 2).start();

        assertEquals("load failed for model 'm': version 2 is at UNAVAILABLE state: Invalid argument: broken;\n",
                loadFailure(engine, "m").getMessage());
        assertEquals(List.of("m 1 UNAVAILABLE (unloaded)", "m 2 UNAVAILABLE (Invalid argument: broken)"),
                EngineFixture.index(engine));
        assertTrue(lifeCycle().contains("closeModel m 1"), "a model never half-loads");
        assertFalse(engine.isReady());
    }

    @Test
    void aRequestThatFindsItsVersionReplacedGoesToTheNext() {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        List<ServedVersion> asked = new ArrayList<>();

        assertEquals(2, EngineFixture.infer(engine, "m", OptionalLong.empty(), served -> {
            asked.add(served);
            if (asked.size() == 1) {
                fixture.write("m/2/model.bin", "v2");
                engine.load("m", LoadOverride.NONE);
                EngineFixture.until("the old version is closed", () -> lifeCycle().contains("closeModel m 1"));
            }
        }));
        assertEquals(List.of(1L, 2L), asked.stream().map(ServedVersion::version).toList());
    }

    @Test
    void aRequestThatFindsItsVersionUnloadedIsToldWhy() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);

        InferenceException refused = assertThrows(InferenceException.class,
                () -> EngineFixture.infer(engine, "m", OptionalLong.empty(), served -> {
                    engine.unload("m", false);
                    EngineFixture.until("it is closed", () -> lifeCycle().contains("closeModel m 1"));
                }));
        assertEquals("[request id: r] Server is stopping, scheduler for model has stopped accepting new inference "
                + "requests", refused.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"delete", "policy", "edit"})
    void aFailedVersionThatNobodyAsksForAnyMoreDoesNoHarm(String way) {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/2/model.bin", "v2");
        backend.onCreateModel(context -> {
            if (context.version() == 2) {
                throw InferenceException.internal("broken file");
            }
        });
        assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));
        assertEquals(List.of("m 1 READY", "m 2 UNAVAILABLE (Internal: broken file)"), EngineFixture.index(engine));
        assertFalse(engine.isReady());

        switch (way) {
            case "delete" -> fixture.delete("m/2");
            case "policy" -> fixture.model("m", "version_policy { specific { versions: 1 } }");
            default -> fixture.delete("m/2").model("m", "parameters { key: 'k' value { string_value: 'v' } }");
        }
        engine.load("m", LoadOverride.NONE);

        assertEquals(List.of("m 1 READY"), EngineFixture.index(engine));
        assertTrue(engine.isReady());
    }

    @Test
    void aNewVersionReplacesTheOldOne() {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        fixture.write("m/2/model.bin", "v2");
        engine.load("m", LoadOverride.NONE);

        assertEquals(2, EngineFixture.infer(engine, "m"));
        EngineFixture.until("version 1 is gone", () -> EngineFixture.index(engine).equals(
                List.of("m 1 UNAVAILABLE (unloaded)", "m 2 READY")));
        assertEquals("Request for unknown model: 'm' version 1 is not at ready state",
                assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "m", OptionalLong.of(1)))
                        .getMessage());
        assertTrue(engine.isReady(), "a version that was unloaded on purpose does no harm");
    }
}
