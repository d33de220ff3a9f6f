package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Configurations and files that come with a load request. */
@Timeout(120)
class LoadOverrideTest extends EngineTesting {
    @Test
    void aConfigurationThatComesWithTheRequestStaysUntilSomethingChangesOnDisk() {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        String json = engine.lookup("m", OptionalLong.empty()).configJson().replace("\"max_batch_size\":4",
                "\"max_batch_size\":2");
        engine.load("m", new LoadOverride(Optional.of(json), Map.of()));
        assertEquals(2, engine.lookup("m", OptionalLong.empty()).config().maxBatchSize());

        ServedVersion overridden = engine.lookup("m", OptionalLong.empty());
        engine.load("m", LoadOverride.NONE);
        assertSame(overridden, engine.lookup("m", OptionalLong.empty()));

        fixture.write("m/1/model.bin", "changed");
        engine.load("m", LoadOverride.NONE);
        assertEquals(4, engine.lookup("m", OptionalLong.empty()).config().maxBatchSize());
    }

    @Test
    void anUnloadEndsAnOverride() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        String json = engine.lookup("m", OptionalLong.empty()).configJson().replace("\"max_batch_size\":4",
                "\"max_batch_size\":2");
        engine.load("m", new LoadOverride(Optional.of(json), Map.of()));
        engine.unload("m", false);

        engine.load("m", LoadOverride.NONE);
        assertEquals(4, engine.lookup("m", OptionalLong.empty()).config().maxBatchSize());
    }

    @Test
    void anOverrideStaysAlthoughTheRepositorysOwnConfigurationIsBroken() {
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        String json = engine.lookup("m", OptionalLong.empty()).configJson();
        fixture.write("m/config.pbtxt", "nonsense");
        engine.load("m", new LoadOverride(Optional.of(json), Map.of()));

        engine.load("m", LoadOverride.NONE);
        assertEquals(1, EngineFixture.infer(engine, "m"));
    }

    @Test
    void aFileThatLeadsOutOfTheModelsDirectoryIsTheClientsMistake() {
        Engine engine = fixture().model("m", 1).start();

        InferenceException failure = assertThrows(InferenceException.class, () -> engine.load("m",
                new LoadOverride(Optional.of("{\"backend\":\"fake\"}"), Map.of("file:../../x.pt", new byte[1]))));
        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals("failed to load 'm', failed to poll from model repository: Invalid file parameter "
                + "'file:../../x.pt' with normalized path '../../x.pt' must stay within model directory.",
                failure.getMessage());
    }

    @Test
    void anOverrideForcesALoadEvenWhereNothingChanged() {
        Engine engine = fixture().model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        ServedVersion before = engine.lookup("m", OptionalLong.empty());
        engine.load("m", new LoadOverride(Optional.of(before.configJson()), Map.of()));
        engine.load("m", new LoadOverride(Optional.of(before.configJson()), Map.of()));

        assertEquals(3, lifeCycle().stream().filter("createModel m 1"::equals).count());
    }

    @Test
    void filesThatComeWithTheRequestMakeAModelDirectoryOfTheirOwn() throws IOException {
        List<String> contents = Collections.synchronizedList(new ArrayList<>());
        List<Path> directories = Collections.synchronizedList(new ArrayList<>());
        backend.onCreateModel(context -> {
            try {
                contents.add(Files.readString(context.versionDirectory().resolve("model.bin")));
                directories.add(context.modelDirectory());
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        EngineFixture fixture = fixture().model("m", 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        String json = engine.lookup("m", OptionalLong.empty()).configJson();
        engine.load("m", new LoadOverride(Optional.of(json),
                Map.of("file:5/model.bin", "mine".getBytes(StandardCharsets.UTF_8))));

        assertEquals(5, EngineFixture.infer(engine, "m"));
        assertEquals(List.of("v1", "mine"), contents);
        assertFalse(directories.getLast().startsWith(fixture.repository()));
        engine.load("m", LoadOverride.NONE);
        assertEquals(1, EngineFixture.infer(engine, "m"));
        EngineFixture.until("the files are deleted", () -> Files.notExists(directories.get(1)));
    }

    @Test
    void filesWithoutConfigurationAreRefused() {
        Engine engine = fixture().model("m", 1).start();

        InferenceException failure = assertThrows(InferenceException.class, () -> engine.load("m",
                new LoadOverride(Optional.empty(), Map.of("file:1/model.bin", new byte[1]))));
        assertEquals("failed to load 'm', failed to poll from model repository: Load parameter 'config' must be "
                + "specified for model file override", failure.getMessage());
    }
}
