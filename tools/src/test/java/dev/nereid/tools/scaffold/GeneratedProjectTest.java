package dev.nereid.tools.scaffold;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.ApiVersion;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/** What a new project holds compiles and passes the contract test; without Maven, which {@code TutorialIT} runs. */
class GeneratedProjectTest {
    private static final ProjectNames NAMES = new ProjectNames("text-scale", "com.example", "com.example.textscale");
    private static final BackendProject PROJECT = BackendProject.of(NAMES, URI.create("file:///api"));
    private static final Pattern VERSION = Pattern
            .compile("<artifactId>(maven-[a-z]+-plugin)</artifactId>\\s*<version>([^<]+)</version>");

    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource
    void passesTheContractTest(BackendProject.Kind kind) throws Exception {
        BackendProject project = BackendProject.of(NAMES, kind, URI.create("file:///api"));
        project.write(directory);
        Path classes = Files.createDirectory(directory.resolve("classes"));

        compile(project, classes);

        assertEquals("com.example.textscale.TextScaleBackendFactory",
                Files.readAllLines(classes.resolve("META-INF/extensions.idx")).getLast());
        TestExecutionSummary summary = runTests(classes, "com.example.textscale.TextScaleContractTest");
        assertEquals(List.of(), summary.getFailures().stream()
                .map(failure -> failure.getTestIdentifier().getDisplayName() + ": " + failure.getException()).toList());
        assertTrue(summary.getTestsSucceededCount() > 15, summary.getTestsSucceededCount() + " tests succeeded");
    }

    private void compile(BackendProject project, Path classes) throws IOException {
        JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler(), "a JDK is needed");
        List<Path> sources = project.files().keySet().stream().filter(path -> path.endsWith(".java"))
                .map(directory::resolve).toList();
        StringWriter messages = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            boolean isCompiled = compiler.getTask(messages, files, null,
                    List.of("--release", "25", "-classpath", System.getProperty("java.class.path"), "-d",
                            classes.toString(), "-processor", "org.pf4j.processor.ExtensionAnnotationProcessor",
                            "-Xlint:all,-path,-classfile,-processing", "-Werror"),
                    null, files.getJavaFileObjectsFromPaths(sources)).call();
            assertTrue(isCompiled, messages::toString);
        }
    }

    private static TestExecutionSummary runTests(Path classes, String test) throws Exception {
        Thread current = Thread.currentThread();
        ClassLoader before = current.getContextClassLoader();
        try (URLClassLoader loader = new URLClassLoader(new URL[]{classes.toUri().toURL()}, before)) {
            current.setContextClassLoader(loader);
            LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                    .selectors(DiscoverySelectors.selectClass(loader.loadClass(test))).build();
            SummaryGeneratingListener listener = new SummaryGeneratingListener();
            LauncherFactory.create().execute(request, listener);
            return listener.getSummary();
        } finally {
            current.setContextClassLoader(before);
        }
    }

    @Test
    void needsNoMoreThanSixtyLines() {
        assertTrue(text("src/main/java/com/example/textscale/TextScaleBackendFactory.java").lines().count() <= 60);
    }

    @Test
    void asksForTheVersionOfTheApi() {
        String range = ApiVersion.MAJOR + "." + ApiVersion.MINOR + ".0 &amp; &lt;" + (ApiVersion.MAJOR + 1) + ".0.0";

        assertTrue(text("pom.xml").contains("<Plugin-Requires>&gt;=" + range + "</Plugin-Requires>"));
    }

    /** Then it builds without a network wherever Nereid was built before. */
    @Test
    void usesTheMavenPluginsThatNereidUses() throws IOException {
        String parent = Files.readString(Path.of("..", "pom.xml"));
        List<String> plugins = plugins(text("pom.xml"));

        assertEquals(6, plugins.size());
        assertTrue(plugins(parent).containsAll(plugins), () -> plugins + " are not all in " + plugins(parent));
    }

    private static List<String> plugins(String pom) {
        return VERSION.matcher(pom).results().map(match -> match.group(1) + " " + match.group(2)).toList();
    }

    private static String text(String path) {
        return Objects.requireNonNull(PROJECT.files().get(path));
    }
}
