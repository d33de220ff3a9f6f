package dev.nereid.engine.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.testkit.FakeBackend;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.BytePointer;
import org.junit.jupiter.api.Test;

/** What a backend sees: its own jars, the contract, and the JDK; nothing of the server or of other backends. */
class ClassLoadingTest extends BackendsTest {
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
        for (String hidden : List.of("dev.nereid.engine.plugin.Backends", "dev.nereid.repository.ModelRepository",
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
        assertEquals(null, loaderOfSample().getResource("dev/nereid/engine/plugin/Backends.class"));
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

    private ClassLoader loaderOfSample() {
        Path jar = directory.resolve("sample.jar");
        if (Files.notExists(jar)) {
            PluginJar.backend("sample", PluginJar.EMPTY_BACKEND).writeTo(jar);
        }
        return backends.get("sample").classLoader();
    }
}
