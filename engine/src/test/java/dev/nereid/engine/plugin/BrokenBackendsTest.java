package dev.nereid.engine.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StagingMemory;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Each mistake that an author or an operator may make has a sentence of its own. */
class BrokenBackendsTest extends BackendsTest {
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

        assertEquals("backend 'b' was built for version 99.1 of the backend API, this server offers 1.1; build it "
                + "against that version", failure("b"));
    }

    @Test
    void aBackendForAnotherApiIsRefusedByWhatItsManifestSays() {
        PluginJar.backend("b", PluginJar.EMPTY_BACKEND).manifest("Plugin-Requires", ">=2.0.0 & <3.0.0")
                .writeTo(directory.resolve("b/b.jar"));

        assertEquals("backend 'b' requires backend API >=2.0.0 & <3.0.0, this server offers 1.1.0", failure("b"));
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
                """).without("lib/Needed.class").writeTo(directory.resolve("b/b.jar"));

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
        try (Backends impatient = new Backends(List.of(directory), List.of(), Map.of(), StagingMemory.PLAIN, Duration.ZERO)) {
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
}
