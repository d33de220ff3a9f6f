package dev.nereid.engine.plugin;

import dev.nereid.backend.api.BackendFactory;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.pf4j.Extension;

/** Builds the jar of a backend from source, as an author's build would, or as a careless author's would. */
public final class PluginJar {
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final String INDEX = "META-INF/extensions.idx";
    /** A statement that ends a {@code create} with a backend without models. */
    public static final String EMPTY_BACKEND = "return model -> null;";

    private final Map<String, String> sources = new LinkedHashMap<>();
    private final Map<String, byte[]> entries = new LinkedHashMap<>();
    private final Manifest manifest = new Manifest();
    private final List<Path> libraries = new ArrayList<>();
    private final List<String> missing = new ArrayList<>();

    private PluginJar() {
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    }

    /** Returns a jar with nothing in it. */
    public static PluginJar empty() {
        return new PluginJar();
    }

    /** Returns the jar of a backend that does what a factory of the test does. */
    public static PluginJar delegatingTo(BackendFactory factory) {
        String key = "nereid.test.backend." + factory.name() + "." + COUNT.incrementAndGet();
        // Classes of the contract and its test kit are shared, and system properties may hold any object.
        System.getProperties().put(key, factory);
        return empty().source("fake.Factory", """
                package fake;

                import dev.nereid.backend.api.*;

                @org.pf4j.Extension
                public class Factory implements BackendFactory {
                    private final BackendFactory target = (BackendFactory) System.getProperties().get("%1$s");

                    @Override public String name() { return target.name(); }
                    @Override public ApiVersion builtFor() {
                        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
                    }
                    @Override public Backend create(BackendContext context) { return target.create(context); }
                    @Override public java.util.List<Diagnosis> diagnose(BackendContext context) {
                        return target.diagnose(context);
                    }
                }
                """.formatted(key)).index("fake.Factory");
    }

    /** Returns the jar of a backend whose {@code create} has that body. */
    public static PluginJar backend(String name, String createBody) {
        return backend(name, createBody, "");
    }

    /** Returns the jar of a backend with that {@code create} and other members. */
    static PluginJar backend(String name, String createBody, String members) {
        return empty().source("sample.Factory", """
                package sample;

                import dev.nereid.backend.api.*;

                @org.pf4j.Extension
                public class Factory implements BackendFactory {
                    %3$s

                    @Override public String name() { return "%1$s"; }
                    @Override public ApiVersion builtFor() {
                        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
                    }
                    @Override public Backend create(BackendContext context) {
                        %2$s
                    }
                }
                """.formatted(name, createBody, members)).index("sample.Factory");
    }

    /** Lets the sources use the classes of a jar, which isn't put into this one. */
    PluginJar using(Path jar) {
        libraries.add(jar);
        return this;
    }

    /** Adds a class to compile. */
    public PluginJar source(String className, String code) {
        sources.put(className, code);
        return this;
    }

    /** Names the class of the extension. */
    public PluginJar index(String className) {
        return entry(INDEX, className + "\n");
    }

    /** Leaves out what names the extension. */
    public PluginJar withoutIndex() {
        entries.remove(INDEX);
        return this;
    }

    /** Adds a file. */
    public PluginJar entry(String path, String content) {
        entries.put(path, content.getBytes(StandardCharsets.UTF_8));
        return this;
    }

    /** Leaves out what was compiled, as if it had to come with another jar. */
    public PluginJar without(String path) {
        missing.add(path);
        return this;
    }

    /** Sets an entry of the manifest. */
    public PluginJar manifest(String name, String value) {
        manifest.getMainAttributes().putValue(name, value);
        return this;
    }

    /** Writes the jar. */
    public void writeTo(Path jar) {
        Map<String, byte[]> all = new LinkedHashMap<>(entries);
        compile().forEach(all::put);
        all.keySet().removeAll(missing);
        try {
            if (jar.getParent() != null) {
                Files.createDirectories(jar.getParent());
            }
            try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
                for (Map.Entry<String, byte[]> each : all.entrySet()) {
                    out.putNextEntry(new JarEntry(each.getKey()));
                    out.write(each.getValue());
                    out.closeEntry();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Map<String, byte[]> compile() {
        Map<String, byte[]> classes = new LinkedHashMap<>();
        if (sources.isEmpty()) {
            return classes;
        }
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter messages = new StringWriter();
        List<JavaFileObject> files = sources.entrySet().stream()
                .<JavaFileObject>map(each -> new Source(each.getKey(), each.getValue())).toList();
        try (StandardJavaFileManager standard = compiler.getStandardFileManager(null, Locale.ROOT,
                StandardCharsets.UTF_8); JavaFileManager manager = new Collecting(standard, classes)) {
            boolean ok = compiler.getTask(messages, manager, null,
                    List.of("-proc:none", "-nowarn", "-cp", classPath()),
                    null, files).call();
            if (!ok) {
                throw new AssertionError("the test's plugin does not compile: " + messages);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return classes;
    }

    private String classPath() {
        return Stream.concat(Stream.of(jarOf(BackendFactory.class), jarOf(Extension.class)), libraries.stream())
                .map(Path::toString).collect(Collectors.joining(File.pathSeparator));
    }

    /** Returns where a class was loaded from. */
    static Path jarOf(Class<?> type) {
        try {
            return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static final class Source extends SimpleJavaFileObject {
        private final String code;

        Source(String className, String code) {
            super(URI.create("string:///" + className.replace('.', '/') + Kind.SOURCE.extension), Kind.SOURCE);
            this.code = code;
        }

        @Override
        public CharSequence getCharContent(boolean ignoresErrors) {
            return code;
        }
    }

    private static final class Collecting extends ForwardingJavaFileManager<JavaFileManager> {
        private final Map<String, byte[]> classes;

        Collecting(JavaFileManager manager, Map<String, byte[]> classes) {
            super(manager);
            this.classes = classes;
        }

        @Override
        public JavaFileObject getJavaFileForOutput(Location location, String className, JavaFileObject.Kind kind,
                FileObject sibling) {
            String path = className.replace('.', '/') + kind.extension;
            return new SimpleJavaFileObject(URI.create("bytes:///" + path), kind) {
                @Override
                public OutputStream openOutputStream() {
                    return new ByteArrayOutputStream() {
                        @Override
                        public void close() {
                            classes.put(path, toByteArray());
                        }
                    };
                }
            };
        }
    }
}
