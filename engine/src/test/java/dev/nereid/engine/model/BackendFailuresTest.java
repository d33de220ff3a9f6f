package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.plugin.BackendStatus;
import dev.nereid.engine.plugin.PluginJar;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is wrong with a backend is told at all places where somebody looks: the log, the table, the index. */
class BackendFailuresTest {
    private static final String CONFIG = """
            backend: "b"
            input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
            output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
            """;

    private static final String NEWER = """
            package sample;
            import dev.nereid.backend.api.*;
            public class Newer implements BackendFactory {
                public String name() { return "b"; }
                public ApiVersion builtFor() { return new ApiVersion(1, 999); }
                public Backend create(BackendContext context) { throw new AssertionError("never"); }
            }
            """;
    private static final String NEEDED = """
            package lib;
            public class Needed {
                public static dev.nereid.backend.api.Backend backend() { return model -> null; }
            }
            """;

    /** Puts a broken backend into a directory; the text is what is said of it. */
    static Stream<Arguments> broken() {
        return Stream.of(arguments("backend 'b' is there twice", directory -> {
            good().writeTo(directory.resolve("b.jar"));
            good().writeTo(directory.resolve("b/b.jar"));
        }), arguments("b.jar bundles the backend API", directory -> good()
                .entry("dev/nereid/backend/api/BackendFactory.class", "any").writeTo(directory.resolve("b.jar"))),
                arguments("no jar has a META-INF/extensions.idx",
                        directory -> good().withoutIndex().writeTo(directory.resolve("b.jar"))),
                arguments("more than one jar has a META-INF/extensions.idx: [one.jar, two.jar]", directory -> {
                    good().writeTo(directory.resolve("b/one.jar"));
                    good().writeTo(directory.resolve("b/two.jar"));
                }),
                arguments("backend 'b' requires backend API >=7.0.0 & <8.0.0, this server offers",
                        directory -> good().manifest("Plugin-Requires", ">=7.0.0 & <8.0.0")
                                .writeTo(directory.resolve("b.jar"))),
                arguments("backend 'b' was built for version 1.999 of the backend API, this server offers",
                        directory -> PluginJar.empty().source("sample.Newer", NEWER).index("sample.Newer")
                                .writeTo(directory.resolve("b.jar"))),
                arguments("a class or library that it needs is missing or does not fit (lib/Needed)",
                        directory -> PluginJar.backend("b", "return lib.Needed.backend();")
                                .source("lib.Needed", NEEDED).without("lib/Needed.class")
                                .writeTo(directory.resolve("b.jar"))),
                arguments("backend 'b' failed to start: no licence",
                        directory -> PluginJar.backend("b", "throw new IllegalStateException(\"no licence\");")
                                .writeTo(directory.resolve("b.jar"))),
                arguments("its factory says that its name is 'other'",
                        directory -> PluginJar.backend("other", PluginJar.EMPTY_BACKEND)
                                .writeTo(directory.resolve("b.jar"))));
    }

    private static PluginJar good() {
        return PluginJar.backend("b", PluginJar.EMPTY_BACKEND);
    }

    private static Arguments arguments(String text, Consumer<Path> put) {
        return Arguments.of(text, put);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("broken")
    void areToldInLogTableAndIndex(String text, Consumer<Path> put, @TempDir Path directory) {
        try (EngineFixture fixture = fixture(directory);
                LogRecorder log = LogRecorder.start()) {
            put.accept(directory.resolve("backends"));

            Engine engine = start(fixture);

            assertToldEverywhere(text, engine, log);
            assertEquals(1, EngineFixture.infer(engine, "good"), "the server goes on");
        }
    }

    @Test
    void aBackendThatNeverStartsIsToldInLogTableAndIndex(@TempDir Path directory) {
        CountDownLatch isOver = new CountDownLatch(1);
        FakeBackend hanging = new FakeBackend("b").onCreate(context -> EngineFixture.await(isOver));
        try (EngineFixture fixture = fixture(directory);
                LogRecorder log = LogRecorder.start()) {
            PluginJar.delegatingTo(hanging).writeTo(directory.resolve("backends/b.jar"));

            Engine engine = start(fixture.backendStartLimit(Duration.ofSeconds(3)));

            assertToldEverywhere("backend 'b' did not start within 3 s; it is not tried again until its files change",
                    engine, log);
            assertEquals(1, EngineFixture.infer(engine, "good"), "the server goes on");
        } finally {
            isOver.countDown();
        }
    }

    @Test
    void aBackendThatIsDroppedInLaterIsToldInLogTableAndIndex(@TempDir Path directory) {
        try (EngineFixture fixture = fixture(directory);
                LogRecorder log = LogRecorder.start()) {
            Engine engine = start(fixture.mode(ControlMode.EXPLICIT).startupModels("m"));
            String missing = "unable to find backend library for backend 'b'";
            assertTrue(log.has(missing), log.lines()::toString);
            assertTrue(reason(engine).contains(missing), reason(engine));
            assertEquals(Optional.empty(), state(engine));

            PluginJar.delegatingTo(new FakeBackend("b")).writeTo(directory.resolve("backends/b.jar"));
            assertEquals(Optional.of("available"), state(engine));
            engine.load("m", LoadOverride.NONE);

            assertTrue(log.has("starting backend 'b' from " + directory.resolve("backends/b.jar")),
                    log.lines()::toString);
            assertEquals(Optional.of("loaded"), state(engine));
            assertTrue(EngineFixture.index(engine).contains("m 1 READY"), EngineFixture.index(engine)::toString);
        }
    }

    private static EngineFixture fixture(Path directory) {
        return new EngineFixture(directory, new FakeBackend("fake")).mode(ControlMode.NONE);
    }

    private static Engine start(EngineFixture fixture) {
        return fixture.model("good", 1).model("m", 1).write("m/config.pbtxt", CONFIG).start();
    }

    private static void assertToldEverywhere(String text, Engine engine, LogRecorder log) {
        assertTrue(reason(engine).contains(text), reason(engine));
        assertTrue(state(engine).orElseThrow().contains(text), state(engine)::toString);
        assertTrue(log.has(text), log.lines()::toString);
    }

    private static String reason(Engine engine) {
        return engine.index(false).stream().filter(entry -> entry.name().equals("m")).findFirst().orElseThrow()
                .reason();
    }

    private static Optional<String> state(Engine engine) {
        return engine.backendStatuses().stream().filter(status -> status.name().equals("b")).map(BackendStatus::state)
                .findFirst();
    }
}
