package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;
import org.junit.platform.launcher.listeners.TestExecutionSummary.Failure;

/** Every backend of this project passes its contract test in a running server, over HTTP. */
class ServedContractIT {
    private static final String MODULES = """
            identity,                  dev.nereid.backend.identity.IdentityContractTest
            pytorch,                   dev.nereid.backend.pytorch.PyTorchContractTest
            onnxruntime,               dev.nereid.backend.onnxruntime.OnnxContractTest
            onnxruntime,               dev.nereid.backend.onnxruntime.OptionalInputContractTest
            tensorrt,                  dev.nereid.backend.tensorrt.GpuContractTest
            examples/text-tagger,      dev.nereid.backend.texttagger.TextTaggerContractTest
            examples/image-preprocess, dev.nereid.backend.imagepreprocess.ImagePreprocessContractTest
            examples/square,           dev.nereid.backend.square.SquareContractTest
            examples/repeat,           dev.nereid.backend.repeat.RepeatContractTest
            """;
    private static final Path BACKENDS = Path.of("..", "backends").toAbsolutePath().normalize();
    private static final String URL_PROPERTY = "nereid.url";

    @TempDir
    private static Path directory;
    private static RunningServer server;

    @BeforeAll
    static void startAServerWithAllBackends() throws Exception {
        Path backends = Files.createDirectory(directory.resolve("backends"));
        for (String module : MODULES.lines().map(line -> line.replaceAll(",.*", "")).distinct().toList()) {
            Files.createSymbolicLink(backends.resolve(Path.of(module).getFileName()), plugin(module));
        }
        server = RunningServer.start(Files.createDirectory(directory.resolve("models")),
                "--model-control-mode=explicit", "--backend-directory=" + backends);
        System.setProperty(URL_PROPERTY, server.uri("/").toString());
    }

    @AfterAll
    static void stopTheServer() {
        System.clearProperty(URL_PROPERTY);
        server.close();
    }

    @ParameterizedTest
    @CsvSource(textBlock = MODULES)
    void passes(String module, String test) throws Exception {
        Assumptions.assumeTrue(!module.equals("tensorrt") || Files.exists(Path.of("/proc/driver/nvidia/version")),
                "TensorRT computes on GPUs only, and this machine has none");

        TestExecutionSummary summary = run(module, test);

        assertEquals(List.of(), summary.getFailures().stream().map(ServedContractIT::text).toList());
        assertTrue(summary.getTestsSucceededCount() >= 7, summary.getTestsSucceededCount() + " checks succeeded");
    }

    private static String text(Failure failure) {
        return failure.getTestIdentifier().getDisplayName() + ": " + failure.getException();
    }

    private static Path plugin(String module) {
        return BACKENDS.resolve(module).resolve("target/plugin").resolve(Path.of(module).getFileName());
    }

    private static TestExecutionSummary run(String module, String test) throws Exception {
        Thread current = Thread.currentThread();
        ClassLoader before = current.getContextClassLoader();
        List<Path> classes = new ArrayList<>(List.of(BACKENDS.resolve(module).resolve("target/classes"),
                BACKENDS.resolve(module).resolve("target/test-classes")));
        try (Stream<Path> libraries = Files.list(plugin(module))) {
            libraries.forEach(classes::add);
        }
        try (URLClassLoader loader = new URLClassLoader(urls(classes), new WithoutBackends(before))) {
            current.setContextClassLoader(loader);
            LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                    .selectors(DiscoverySelectors.selectMethod(loader.loadClass(test), "worksInAServer")).build();
            SummaryGeneratingListener listener = new SummaryGeneratingListener();
            LauncherFactory.create().execute(request, listener);
            return listener.getSummary();
        } finally {
            current.setContextClassLoader(before);
        }
    }

    private static URL[] urls(List<Path> paths) throws MalformedURLException {
        URL[] urls = new URL[paths.size()];
        for (int i = 0; i < urls.length; i++) {
            urls[i] = paths.get(i).toUri().toURL();
        }
        return urls;
    }

    /** The classes of the test but those of backends, which come with their libraries. */
    private static final class WithoutBackends extends ClassLoader {
        WithoutBackends(ClassLoader parent) {
            super(parent);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("dev.nereid.backend.") && !name.startsWith("dev.nereid.backend.api.")) {
                throw new ClassNotFoundException(name);
            }
            return super.loadClass(name, resolve);
        }
    }
}
