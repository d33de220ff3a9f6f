package dev.nereid.engine.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

/** Which backends are found, when they start, and what the table shows of them. */
class DiscoveryTest extends BackendsTest {
    @Test
    void findsABackendInADirectoryOfItsName() {
        FakeBackend fake = new FakeBackend("b");
        PluginJar.delegatingTo(fake).writeTo(directory.resolve("b/any-name.jar"));

        assertEquals("b", backends.get("b").name());
        assertEquals(List.of("create b"), fake.events());
    }

    @Test
    void findsABackendInASingleJarOfItsName() {
        PluginJar.delegatingTo(new FakeBackend("b")).writeTo(directory.resolve("b.jar"));

        assertEquals("b", backends.get("b").name());
    }

    @Test
    void aJarMayBeUnpackedToADirectoryOfItsName() throws IOException {
        Path packed = directory.resolve("packed");
        PluginJar.delegatingTo(new FakeBackend("b")).entry("native/library", "content").writeTo(packed);
        Path unpacked = directory.resolve("b/b.jar");
        try (JarFile jar = new JarFile(packed.toFile())) {
            for (JarEntry entry : jar.stream().filter(each -> !each.isDirectory()).toList()) {
                Path target = unpacked.resolve(entry.getName());
                Files.createDirectories(target.resolveSibling(""));
                try (InputStream content = jar.getInputStream(entry)) {
                    long ignored = Files.copy(content, target);
                }
            }
        }

        LoadedBackend backend = backends.get("b");

        assertEquals("b", backend.name());
        assertEquals(unpacked.resolve("native/library").toUri().toURL(),
                backend.classLoader().getResource("native/library"));
    }

    @Test
    void theFirstDirectoryThatHasTheBackendWins() {
        List<Path> seen = new ArrayList<>();
        PluginJar.delegatingTo(new FakeBackend("b").onCreate(context -> seen.add(context.directory())))
                .writeTo(directory.resolve("second/b/b.jar"));
        PluginJar.delegatingTo(new FakeBackend("b").onCreate(context -> seen.add(context.directory())))
                .writeTo(directory.resolve("first/b/b.jar"));
        try (Backends both = new Backends(List.of(directory.resolve("first"), directory.resolve("second")), Map.of())) {
            both.get("b");
        }

        assertEquals(List.of(directory.resolve("first/b")), seen);
    }

    @Test
    void aSettingThatTheBackendNeverAskedForIsWarnedOf() {
        FakeBackend fake = new FakeBackend("b").onCreate(context -> {
            String ignored = context.settings().getOrDefault("allow-tf32", "false");
        });
        PluginJar.delegatingTo(fake).writeTo(directory.resolve("b/b.jar"));
        List<String> warnings = new ArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord line) {
                warnings.add(line.getMessage());
            }

            @Override
            public void flush() {
                // Nothing is kept back.
            }

            @Override
            public void close() {
                // Nothing is open.
            }
        };
        Logger logger = Logger.getLogger(Backends.class.getName());
        logger.addHandler(handler);
        try (Backends configured = new Backends(List.of(directory), Map.of("b",
                Map.of("allow-tf23", "true", "allow-tf32", "true"), "", Map.of("for-others", "x")))) {
            configured.get("b");
        } finally {
            logger.removeHandler(handler);
        }

        assertEquals(
                List.of("setting 'allow-tf23' of backend 'b': the backend did not ask for one of that name when it "
                        + "started; did you mean 'allow-tf32'?"),
                warnings);
    }

    @Test
    void aBackendThatLooksAtAllSettingsIsNotWarnedOf() {
        ReadSettings settings = new ReadSettings(Map.of("a", "1", "b", "2"));

        assertEquals(Set.of("a", "b"), settings.unread(Set.of("a", "b")));
        assertEquals(Map.of("a", "1", "b", "2"), Map.copyOf(settings));
        assertEquals(Set.of(), settings.unread(Set.of("a", "b")));
    }

    @Test
    void nothingStartsBeforeItIsAskedFor() {
        FakeBackend fake = new FakeBackend("b");
        PluginJar.delegatingTo(fake).writeTo(directory.resolve("b/b.jar"));
        backends.statuses();

        assertEquals(List.of(), fake.events());
    }

    @Test
    void aJarThatIsDroppedInLaterIsPickedUp() {
        assertEquals(NOT_FOUND, failure("b"));
        PluginJar.delegatingTo(new FakeBackend("b")).writeTo(directory.resolve("b/b.jar"));

        assertEquals("b", backends.get("b").name());
    }

    @Test
    void startsOnceHoweverManyAskAtTheSameTime() throws Exception {
        CountDownLatch isAsked = new CountDownLatch(1);
        FakeBackend fake = new FakeBackend("b").onCreate(context -> waitFor(isAsked));
        PluginJar.delegatingTo(fake).writeTo(directory.resolve("b/b.jar"));
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<LoadedBackend>> all = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                all.add(threads.submit(() -> backends.get("b")));
            }
            isAsked.countDown();
            for (Future<LoadedBackend> each : all) {
                assertSame(all.getFirst().get(), each.get());
            }
        }

        assertEquals(List.of("create b"), fake.events());
        assertEquals(List.of(), fake.violations());
    }

    @Test
    void closesTheLastStartedFirst() {
        List<String> closed = new ArrayList<>();
        for (String name : List.of("one", "two")) {
            PluginJar.backend(name, """
                    return new Backend() {
                        @Override public Model createModel(ModelContext context) { return null; }
                        @Override public void close() {
                            ((java.util.List<Object>) System.getProperties().get("nereid.test.closed")).add("%s");
                        }
                    };
                    """.formatted(name)).writeTo(directory.resolve(name + ".jar"));
            backends.get(name);
        }
        System.getProperties().put("nereid.test.closed", closed);
        backends.close();
        backends.close();

        assertEquals(List.of("two", "one"), closed);
    }

    @Test
    void settingsOfTheBackendLieOverThoseForAll() {
        AtomicReference<BackendContext> context = new AtomicReference<>();
        PluginJar.delegatingTo(new FakeBackend("b").onCreate(context::set)).writeTo(directory.resolve("b/b.jar"));
        try (Backends configured = new Backends(List.of(directory), Map.of("", Map.of("threads", "1", "log", "x"), "b",
                Map.of("threads", "2"), "other", Map.of("secret", "y")))) {
            configured.get("b");
        }

        BackendContext given = Objects.requireNonNull(context.get());
        assertEquals(Map.of("threads", "2", "log", "x"), given.settings());
        assertEquals("b", given.name());
        assertEquals(directory.resolve("b"), given.directory());
    }

    @Test
    void theTableShowsEveryBackendWithItsState() throws IOException {
        PluginJar.backend("good", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("good.jar"));
        PluginJar.backend("used", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("used/used.jar"));
        PluginJar.backend("bad", "throw new RuntimeException(\"no\");").writeTo(directory.resolve("bad.jar"));
        Files.createDirectories(directory.resolve("hollow"));
        Files.createDirectories(directory.resolve(".hidden"));
        Files.writeString(directory.resolve("README.md"), "no backend");
        try (Backends configured = new Backends(List.of(directory, directory.resolve("missing")),
                Map.of("used", Map.of("k", "v")))) {
            configured.get("used");
            assertThrows(InferenceException.class, () -> configured.get("bad"));

            List<BackendStatus> statuses = configured.statuses();
            assertEquals(List.of("bad", "good", "hollow", "used"),
                    statuses.stream().map(BackendStatus::name).toList());
            assertEquals("backend 'bad' failed to start: no", statuses.get(0).state());
            assertEquals("available", statuses.get(1).state());
            assertTrue(statuses.get(2).state().startsWith("backend 'hollow': its directory holds no jar"));
            assertEquals(new BackendStatus("used", directory.resolve("used").toString(), Map.of("k", "v"), "loaded"),
                    statuses.get(3));
        }
    }

    @Test
    void theTableTellsOfANameThatIsThereTwice() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b/b.jar"));
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b.jar"));

        assertEquals(1, backends.statuses().size());
        assertTrue(state("b").startsWith("backend 'b' is there twice"), state("b"));
    }
}
