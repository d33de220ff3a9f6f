package dev.nereid.server.lifecycle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.server.ServerOptions.ControlMode;
import dev.nereid.server.plugin.BackendStatus;
import dev.nereid.server.plugin.PluginJar;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
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
                arguments("a class or library that it needs is missing or does not fit",
                        directory -> PluginJar.backend("b", "throw new NoClassDefFoundError(\"lib/Needed\");")
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
        try (EngineFixture fixture = new EngineFixture(directory, new FakeBackend("fake"));
                Recorder log = Recorder.start()) {
            put.accept(directory.resolve("backends"));
            Engine engine = fixture.mode(ControlMode.NONE).model("good", 1).model("m", 1)
                    .write("m/config.pbtxt", CONFIG)
                    .start();

            String reason = engine.index(false).stream().filter(entry -> entry.name().equals("m")).findFirst()
                    .orElseThrow().reason();
            assertTrue(reason.contains(text), reason);
            String state = engine.backendStatuses().stream().filter(status -> status.name().equals("b"))
                    .map(BackendStatus::state).findFirst().orElseThrow();
            assertTrue(state.contains(text), state);
            assertTrue(log.lines().stream().anyMatch(line -> line.contains(text)), log.lines()::toString);
            assertEquals(1, EngineFixture.infer(engine, "good"), "the server goes on");
        }
    }

    /** Collects what is logged while it is open. */
    private static final class Recorder extends Handler implements AutoCloseable {
        private final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();

        static Recorder start() {
            Recorder recorder = new Recorder();
            Logger.getLogger("").addHandler(recorder);
            return recorder;
        }

        List<String> lines() {
            return List.copyOf(lines);
        }

        @Override
        public void publish(LogRecord record) {
            lines.add(String.valueOf(record.getMessage()));
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
            Logger.getLogger("").removeHandler(this);
        }
    }
}
