package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.plugin.BackendStatus;
import dev.nereid.engine.plugin.PluginJar;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Backends that come with a model. */
class ModelBackendsTest {
    private final Path directory;
    @AutoClose
    private final EngineFixture fixture;
    private final List<Path> startedFrom = new ArrayList<>();
    private final List<ClassLoader> loaders = new ArrayList<>();
    private final FakeBackend own = new FakeBackend("own").onCreate(context -> {
        startedFrom.add(context.directory());
        loaders.add(Thread.currentThread().getContextClassLoader());
    });

    ModelBackendsTest(@TempDir Path directory) {
        this.directory = directory;
        fixture = new EngineFixture(directory, new FakeBackend("fake"));
    }

    private void model(String name) {
        fixture.model(name, 1).write(name + "/config.pbtxt", """
                backend: "own"
                max_batch_size: 4
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                instance_group [ { count: 1 kind: KIND_CPU } ]
                """);
    }

    private Path jar(String path) {
        Path jar = fixture.repository().resolve(path);
        PluginJar.delegatingTo(own).writeTo(jar);
        return jar;
    }

    private static String failure(Engine engine, String model) {
        return assertThrows(InferenceException.class, () -> engine.load(model, LoadOverride.NONE)).getMessage();
    }

    private static String reason(Engine engine, String model) {
        return engine.index(false).stream().filter(entry -> entry.name().equals(model)).findFirst().orElseThrow()
                .reason();
    }

    @Test
    void isNotUsedUnlessTheOperatorAllowsIt() {
        model("m");
        jar("m/own.jar");
        Engine engine = fixture.start();

        assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));

        assertTrue(
                reason(engine, "m").contains("unable to find backend library for backend 'own', try specifying runtime "
                        + "on the model configuration. ('own.jar' of model 'm' is not used: backends in model directories need "
                        + "the setting allow-model-backends)"),
                reason(engine, "m"));
        assertEquals(List.of(), own.events());
    }

    @Test
    void servesItsModelAndGoesWithIt() {
        model("m");
        Path jar = jar("m/own.jar");
        Engine engine = fixture.allowingModelBackends().start();
        engine.load("m", LoadOverride.NONE);

        assertEquals(1, EngineFixture.infer(engine, "m"));
        assertEquals(List.of(fixture.repository().resolve("m")), startedFrom);
        assertTrue(engine.backendStatuses().contains(
                new BackendStatus("own", jar.toString(), Map.of(), "loaded for model 'm'")));

        engine.unload("m", false);
        assertEquals("close own", own.events().getLast());
        assertEquals(List.of("fake"), engine.backendStatuses().stream().map(BackendStatus::name).toList());
        assertNull(loaders.getFirst().getResource("fake/Factory.class"), "the class loader is still open");
        assertEquals(List.of(), own.violations());
    }

    @Test
    void theVersionsDirectoryComesFirstThenTheModelsThenThatForAll() throws IOException {
        model("m");
        PluginJar.delegatingTo(own).writeTo(directory.resolve("backends/own.jar"));
        Path ofModel = jar("m/own.jar");
        Path ofVersion = jar("m/1/own.jar");
        Engine engine = fixture.allowingModelBackends().start();

        engine.load("m", LoadOverride.NONE);
        Files.delete(ofVersion);
        engine.load("m", LoadOverride.NONE);
        Files.delete(ofModel);
        engine.load("m", LoadOverride.NONE);

        assertEquals(List.of(fixture.repository().resolve("m/1"), fixture.repository().resolve("m"),
                directory.resolve("backends")), startedFrom);
    }

    @Test
    void everyModelHasACopyOfItsOwn() {
        model("m");
        model("n");
        jar("m/own.jar");
        jar("n/own.jar");
        Engine engine = fixture.allowingModelBackends().start();
        engine.load("m", LoadOverride.NONE);
        engine.load("n", LoadOverride.NONE);

        assertNotEquals(loaders.getFirst(), loaders.getLast());
        engine.unload("m", false);
        assertEquals(1, EngineFixture.infer(engine, "n"));
    }

    @Test
    void theJarMayBeReplacedWhileItServes() {
        model("m");
        Path jar = jar("m/own.jar");
        Engine engine = fixture.allowingModelBackends().start();
        engine.load("m", LoadOverride.NONE);

        fixture.write("m/own.jar", "half a jar");
        assertTrue(failure(engine, "m").contains("own.jar is not a readable jar"));
        assertEquals(1, EngineFixture.infer(engine, "m"));

        PluginJar.delegatingTo(own).writeTo(jar);
        engine.load("m", LoadOverride.NONE);
        assertEquals(2, startedFrom.size());
        EngineFixture.until("the old backend is closed", () -> own.events().contains("close own"));
        assertEquals(1, EngineFixture.infer(engine, "m"));
    }

    @Test
    void isClosedWhenItsModelFailsToLoad() {
        own.onCreateModel(context -> {
            throw InferenceException.invalid("weights are missing");
        });
        model("m");
        jar("m/own.jar");
        Engine engine = fixture.allowingModelBackends().start();

        assertTrue(failure(engine, "m").contains("weights are missing"));
        assertEquals("close own", own.events().getLast());
        assertEquals(List.of("fake"), engine.backendStatuses().stream().map(BackendStatus::name).toList());
    }

    @Test
    void whatIsWrongWithItIsTheReasonInTheIndex() {
        model("m");
        fixture.write("m/1/own.jar", "no jar");
        Engine engine = fixture.allowingModelBackends().start();

        assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));

        assertTrue(reason(engine, "m").contains("backend 'own': own.jar is not a readable jar"), reason(engine, "m"));
        assertEquals(List.of("fake"), engine.backendStatuses().stream().map(BackendStatus::name).toList());
    }

    @Test
    void neverComesWithALoadRequest() throws IOException {
        model("m");
        byte[] jar = Files.readAllBytes(jar("m/own.jar"));
        String config = """
                {"backend": "own", "max_batch_size": 4,
                 "input": [{"name": "INPUT0", "data_type": "TYPE_UINT8", "dims": [4]}],
                 "output": [{"name": "OUTPUT0", "data_type": "TYPE_UINT8", "dims": [4]}]}""";
        Engine engine = fixture.allowingModelBackends().start();

        LoadOverride override = new LoadOverride(Optional.of(config),
                Map.of("file:own.jar", jar, "file:1/model.bin", "x".getBytes(StandardCharsets.UTF_8)));
        InferenceException failure = assertThrows(InferenceException.class, () -> engine.load("m", override));

        assertTrue(failure.getMessage().contains("it came with a load request"), failure.getMessage());
        assertEquals(List.of(), own.events());
    }

    @Test
    void followsALinkThatTheRepositorysOwnerLaid() throws IOException {
        model("m");
        Path jar = jar("elsewhere.jar");
        Files.createSymbolicLink(fixture.repository().resolve("m/own.jar"), jar);
        Engine engine = fixture.allowingModelBackends().start();

        engine.load("m", LoadOverride.NONE);
        assertEquals(List.of(fixture.repository().resolve("m")), startedFrom);
    }

    @Test
    void pollingFindsAModelThatBringsItsBackend() {
        Engine engine = fixture.mode(ControlMode.POLL).allowingModelBackends().start();
        model("m");
        jar("m/own.jar");

        engine.poller().orElseThrow().poll();

        assertEquals(1, EngineFixture.infer(engine, "m"));
        fixture.delete("m");
        engine.poller().orElseThrow().poll();
        assertFalse(engine.index(false).stream().anyMatch(entry -> entry.name().equals("m")));
    }

    @Test
    void pollingFindsABackendThatIsDroppedInForAll() {
        model("m");
        Engine engine = fixture.mode(ControlMode.POLL).start();
        assertTrue(reason(engine, "m").contains("unable to find backend library for backend 'own'"));

        PluginJar.delegatingTo(own).writeTo(directory.resolve("backends/own.jar"));
        fixture.write("m/1/model.bin", "another");
        engine.poller().orElseThrow().poll();

        assertEquals(1, EngineFixture.infer(engine, "m"));
    }
}
