package dev.nereid.server.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.BytePointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BackendsTest {
    private static final String NOT_FOUND = "unable to find backend library for backend 'b', try specifying runtime on "
            + "the model configuration.";

    @TempDir
    private Path directory;
    private Backends backends = new Backends(List.of(), Map.of());

    @BeforeEach
    void open() {
        backends = new Backends(List.of(directory), Map.of());
    }

    @AfterEach
    void close() {
        backends.close();
    }

    // Finding and starting

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

    // Class loading

    @Test
    void everyBackendHasItsOwnVersionOfALibrary() {
        for (String name : List.of("old", "new")) {
            PluginJar.empty().source("lib.Version",
                    "package lib; public class Version { public static String text() { return \"" + name + "\"; } }")
                    .writeTo(directory.resolve(name + "/lib.jar"));
            PluginJar.backend(name,
                    "System.setProperty(\"nereid.test.lib." + name + "\", lib.Version.text()); return model -> null;")
                    .source("lib.Version", "package lib; public class Version { public static String text() { return \""
                            + name + "\"; } }")
                    .writeTo(directory.resolve(name + "/backend.jar"));
            backends.get(name);
        }

        assertEquals("old", System.getProperty("nereid.test.lib.old"));
        assertEquals("new", System.getProperty("nereid.test.lib.new"));
    }

    /** JNI binds a library to one class loader; JavaCPP copes, as long as all use one cache directory. */
    @Test
    void twoBackendsUseTheSameNativeLibraryEachWithItsOwnClasses() throws Exception {
        Path library = PluginJar.jarOf(BytePointer.class);
        List<Path> libraries = Pattern.compile(File.pathSeparator).splitAsStream(System.getProperty("java.class.path"))
                .map(Path::of).filter(path -> path.getFileName().toString().startsWith("javacpp-")).toList();
        assertEquals(2, libraries.size(), "classes, and what is native: " + libraries);
        for (String name : List.of("one", "two")) {
            PluginJar.backend(name, """
                    try (org.bytedeco.javacpp.BytePointer bytes = new org.bytedeco.javacpp.BytePointer(16)) {
                        bytes.put(3, (byte) 7);
                        if (bytes.get(3) != 7 || bytes.isNull()) {
                            throw new IllegalStateException("memory does not keep what is written");
                        }
                    }
                    System.getProperties().put("nereid.test.pointer.%s", org.bytedeco.javacpp.Pointer.class);
                    return model -> null;""".formatted(name)).using(library)
                    .writeTo(directory.resolve(name).resolve(name + ".jar"));
            for (Path each : libraries) {
                Files.copy(each, directory.resolve(name).resolve(each.getFileName()));
            }
        }

        assertEquals("one", backends.get("one").name());
        assertEquals("two", backends.get("two").name());

        Object first = System.getProperties().remove("nereid.test.pointer.one");
        Object second = System.getProperties().remove("nereid.test.pointer.two");
        assertNotNull(first);
        assertNotNull(second);
        assertNotEquals(first, second, "both use the same classes");
    }

    @Test
    void aBackendSeesNeitherTheServerNorItsLibraries() {
        for (String hidden : List.of("dev.nereid.server.plugin.Backends", "dev.nereid.repository.ModelRepository",
                "io.helidon.webserver.WebServer", "com.google.protobuf.Message", "org.junit.jupiter.api.Test")) {
            assertThrows(ClassNotFoundException.class, () -> loaderOfSample().loadClass(hidden), hidden);
        }
    }

    @Test
    void aBackendSharesTheContractWithTheServerAndSeesTheJdk() throws ClassNotFoundException {
        for (String shared : List.of("dev.nereid.backend.api.InferenceException", "org.pf4j.Extension",
                "java.net.http.HttpClient", "java.sql.Connection")) {
            assertSame(Class.forName(shared), loaderOfSample().loadClass(shared));
        }
    }

    @Test
    void resourcesOfTheServerAreNotFoundByABackend() {
        assertEquals(null, loaderOfSample().getResource("dev/nereid/server/plugin/Backends.class"));
    }

    @Test
    void theFactoryRunsWithItsOwnClassLoaderAsContext() {
        AtomicReference<ClassLoader> seen = new AtomicReference<>();
        PluginJar.delegatingTo(
                new FakeBackend("b").onCreate(ignored -> seen.set(Thread.currentThread().getContextClassLoader())))
                .writeTo(directory.resolve("b/b.jar"));
        ClassLoader before = Thread.currentThread().getContextClassLoader();

        LoadedBackend loaded = backends.get("b");

        assertSame(loaded.classLoader(), seen.get());
        assertSame(before, Thread.currentThread().getContextClassLoader());
    }

    // What can be wrong

    @Test
    void anUnknownBackendHasTheTextOfTheReference() {
        assertEquals(NOT_FOUND, failure("b"));
    }

    @Test
    void namesThatLeaveTheDirectoryAreNotFound() throws IOException {
        PluginJar.delegatingTo(new FakeBackend("b")).writeTo(directory.resolve("b/b.jar"));
        Path inner = Files.createDirectories(directory.resolve("inner"));
        try (Backends below = new Backends(List.of(inner), Map.of())) {
            for (String name : List.of("../b", "..", ".", "", "x/../../b", directory.resolve("b").toString(), "b\0",
                    "-b")) {
                InferenceException failure = assertThrows(InferenceException.class, () -> below.get(name), name);
                assertTrue(failure.getMessage().startsWith("unable to find backend library"), failure.getMessage());
            }
        }
    }

    @Test
    void aDirectoryWithoutAJarSaysSo() throws IOException {
        Files.createDirectories(directory.resolve("b"));

        assertEquals(
                "backend 'b': its directory holds no jar; put the backend's jar and the jars that it needs into it",
                failure("b"));
    }

    @Test
    void aTextFileThatIsNamedLikeAJarSaysSo() throws IOException {
        Files.createDirectories(directory.resolve("b"));
        Files.writeString(directory.resolve("b/b.jar"), "hello");

        assertTrue(failure("b").startsWith("backend 'b': b.jar is not a readable jar"), failure("b"));
    }

    @Test
    void aTruncatedJarSaysSo() throws IOException {
        Path jar = directory.resolve("b/b.jar");
        PluginJar.delegatingTo(new FakeBackend("b")).writeTo(jar);
        byte[] bytes = Files.readAllBytes(jar);
        Files.write(jar, Arrays.copyOf(bytes, bytes.length / 2));

        assertTrue(failure("b").startsWith("backend 'b': b.jar is not a readable jar"), failure("b"));
    }

    @Test
    void aJarWithoutExtensionIndexSaysHowToMakeOne() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).withoutIndex().writeTo(directory.resolve("b/b.jar"));

        assertEquals(
                "backend 'b': no jar has a META-INF/extensions.idx; annotate the BackendFactory with @Extension and "
                        + "compile with pf4j as annotation processor",
                failure("b"));
    }

    @Test
    void twoJarsWithAnExtensionIndexAreNamed() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b/one.jar"));
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b/two.jar"));

        assertEquals("backend 'b': more than one jar has a META-INF/extensions.idx: [one.jar, two.jar]", failure("b"));
    }

    @Test
    void anIndexThatNamesNoFactorySaysWhatIsExpected() {
        PluginJar.empty().source("sample.Other", "package sample; public class Other { }").index("sample.Other")
                .writeTo(directory.resolve("b/b.jar"));

        assertTrue(failure("b").startsWith("backend 'b' offers 0 backend factories, expected 1"), failure("b"));
    }

    @Test
    void aJarThatBundlesTheApiIsRefused() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b/b.jar"));
        PluginJar.empty().entry("dev/nereid/backend/api/BackendFactory.class", "any")
                .writeTo(directory.resolve("b/fat.jar"));

        assertEquals("backend 'b': fat.jar bundles the backend API, which must come from the server; build it with the "
                + "API in scope 'provided'", failure("b"));
    }

    @Test
    void aDirectoryAndAJarOfOneNameAreRefused() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b/b.jar"));
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b.jar"));

        assertEquals("backend 'b' is there twice: as directory 'b' and as 'b.jar'; remove one of them", failure("b"));
    }

    @Test
    void aFactoryOfAnotherNameIsRefused() {
        PluginJar.backend("other", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("b/b.jar"));

        assertEquals("backend 'b': its factory says that its name is 'other'; directory or jar must have that name",
                failure("b"));
    }

    @Test
    void aBackendForAnotherApiIsRefusedByWhatItsFactorySays() {
        PluginJar.empty().source("sample.Factory", """
                package sample;
                import dev.nereid.backend.api.*;
                public class Factory implements BackendFactory {
                    public String name() { return "b"; }
                    public ApiVersion builtFor() { return new ApiVersion(99, 1); }
                    public Backend create(BackendContext context) { throw new AssertionError("never"); }
                }
                """).index("sample.Factory").writeTo(directory.resolve("b/b.jar"));

        assertEquals("backend 'b' was built for version 99.1 of the backend API, this server offers 1.0; build it "
                + "against that version", failure("b"));
    }

    @Test
    void aBackendForAnotherApiIsRefusedByWhatItsManifestSays() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).manifest("Plugin-Requires", ">=2.0.0 & <3.0.0")
                .writeTo(directory.resolve("b/b.jar"));

        assertEquals("backend 'b' requires backend API >=2.0.0 & <3.0.0, this server offers 1.0.0", failure("b"));
    }

    @Test
    void aFittingRangeInTheManifestIsAccepted() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).manifest("Plugin-Requires", ">=1.0.0 & <2.0.0")
                .manifest("Plugin-Version", "3.2.1").writeTo(directory.resolve("b/b.jar"));

        assertEquals("b", backends.get("b").name());
    }

    @Test
    void aRangeThatNobodyCanReadIsTold() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).manifest("Plugin-Requires", ">=one")
                .writeTo(directory.resolve("b/b.jar"));

        assertTrue(failure("b").startsWith("backend 'b' can't be loaded: "), failure("b"));
    }

    @Test
    void aConstructorThatThrowsIsTold() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND,
                "public Factory() { throw new IllegalStateException(\"no licence\"); }")
                .writeTo(directory.resolve("b/b.jar"));

        assertEquals("backend 'b' failed to start: no licence", failure("b"));
    }

    @Test
    void aFactoryWithoutPublicConstructorIsTold() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND, "public Factory(int x) { }")
                .writeTo(directory.resolve("b/b.jar"));

        assertEquals("backend 'b': its factory can't be created; it must be a public class with a public constructor "
                + "without parameters", failure("b"));
    }

    @Test
    void aMissingLibraryIsTold() {
        PluginJar.backend("b", "return new lib.Needed().backend();").source("lib.Needed", """
                package lib;
                public class Needed {
                    public dev.nereid.backend.api.Backend backend() { return model -> null; }
                }
                """).writeTo(directory.resolve("b/b.jar"));
        removeFromJar(directory.resolve("b/b.jar"), "/lib/Needed.class");

        assertEquals("backend 'b' failed to start: a class or library that it needs is missing or does not fit "
                + "(lib/Needed)", failure("b"));
    }

    @Test
    void anyThrowOfAFactoryIsToldInOneLine() {
        PluginJar.backend("b", "throw new RuntimeException(\"line one\\nline two\");")
                .writeTo(directory.resolve("b/b.jar"));

        InferenceException failure = assertThrows(InferenceException.class, () -> backends.get("b"));
        assertEquals(StatusCode.INTERNAL, failure.code());
        assertEquals("backend 'b' failed to start: line one", failure.getMessage());
    }

    @Test
    void theErrorThatAFactoryGivesItselfIsKept() {
        PluginJar.delegatingTo(new FakeBackend("b").onCreate(context -> {
            throw InferenceException.unsupported("needs a GPU");
        })).writeTo(directory.resolve("b/b.jar"));

        InferenceException failure = assertThrows(InferenceException.class, () -> backends.get("b"));
        assertEquals(StatusCode.UNSUPPORTED, failure.code());
        assertEquals("needs a GPU", failure.getMessage());
    }

    @Test
    void aFailureIsRememberedUntilTheFilesChange() throws IOException {
        AtomicInteger starts = new AtomicInteger();
        Path jar = directory.resolve("b/b.jar");
        FakeBackend broken = new FakeBackend("b").onCreate(context -> {
            starts.incrementAndGet();
            throw InferenceException.invalid("broken");
        });
        PluginJar.delegatingTo(broken).writeTo(jar);
        assertEquals("broken", failure("b"));
        assertEquals("broken", failure("b"));
        assertEquals(1, starts.get());

        PluginJar.delegatingTo(new FakeBackend("b")).writeTo(jar);
        Files.setLastModifiedTime(jar, FileTime.fromMillis(1_000_000));
        assertEquals("b", backends.get("b").name());
    }

    @Test
    void aBackendThatHangsStopsNobodyElse() throws Exception {
        CountDownLatch mayStart = new CountDownLatch(1);
        CountDownLatch hangs = new CountDownLatch(1);
        FakeBackend slow = new FakeBackend("slow").onCreate(context -> {
            hangs.countDown();
            waitFor(mayStart);
        });
        PluginJar.delegatingTo(slow).writeTo(directory.resolve("slow.jar"));
        PluginJar.backend("quick", PluginJar.EMPTY_BACKEND).writeTo(directory.resolve("quick.jar"));
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<LoadedBackend> starting = threads.submit(() -> backends.get("slow"));
            waitFor(hangs);

            assertEquals("quick", backends.get("quick").name());
            assertEquals("available", state("slow"), "the table does not wait either");
            assertFalse(starting.isDone());
            mayStart.countDown();
            assertEquals("slow", starting.get().name());
        }
    }

    @Test
    void aBackendThatNeverStartsIsGivenUpAndClosedShouldItStillCome() {
        CountDownLatch mayStart = new CountDownLatch(1);
        FakeBackend slow = new FakeBackend("slow").onCreate(context -> waitFor(mayStart));
        PluginJar.delegatingTo(slow).writeTo(directory.resolve("slow.jar"));
        try (Backends impatient = new Backends(List.of(directory), Map.of(), Duration.ZERO)) {
            InferenceException failure = assertThrows(InferenceException.class, () -> impatient.get("slow"));
            assertEquals(StatusCode.UNAVAILABLE, failure.code());
            assertEquals("backend 'slow' did not start within 0 s; it is not tried again until its files change",
                    failure.getMessage());

            mayStart.countDown();
            while (!slow.events().contains("close slow")) {
                Thread.onSpinWait();
            }
        }
        assertEquals(List.of(), slow.violations());
    }

    // The table

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

    private String state(String name) {
        return backends.statuses().stream().filter(status -> status.name().equals(name)).findFirst().orElseThrow()
                .state();
    }

    private String failure(String name) {
        InferenceException failure = assertThrows(InferenceException.class, () -> backends.get(name));
        assertNotEquals("", failure.getMessage());
        return failure.getMessage();
    }

    private ClassLoader loaderOfSample() {
        Path jar = directory.resolve("sample.jar");
        if (Files.notExists(jar)) {
            PluginJar.backend("sample", PluginJar.EMPTY_BACKEND).writeTo(jar);
        }
        return backends.get("sample").classLoader();
    }

    private static void removeFromJar(Path jar, String entry) {
        try (FileSystem files = FileSystems.newFileSystem(jar)) {
            Files.delete(files.getPath(entry));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void waitFor(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
