package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
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
    private static final Path BACKENDS = Path.of("..", "backends").toAbsolutePath().normalize();
    private static final String URL_PROPERTY = "nereid.url";

    @TempDir
    private static Path directory;
    private static RunningServer server;

    @BeforeAll
    static void startAServerWithAllBackends() throws Exception {
        Path backends = Files.createDirectory(directory.resolve("backends"));
        for (String module : List.of("identity", "pytorch", "examples/text-tagger", "examples/image-preprocess")) {
            Path name = Path.of(module).getFileName();
            Files.createSymbolicLink(backends.resolve(name), BACKENDS.resolve(module + "/target/plugin").resolve(name));
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
    @CsvSource({"identity, dev.nereid.backend.identity.IdentityContractTest",
        "pytorch, dev.nereid.backend.pytorch.PyTorchContractTest",
        "examples/text-tagger, dev.nereid.backend.texttagger.TextTaggerContractTest",
        "examples/image-preprocess, dev.nereid.backend.imagepreprocess.ImagePreprocessContractTest"})
    void passes(String module, String test) throws Exception {
        Path target = BACKENDS.resolve(module).resolve("target");

        TestExecutionSummary summary = run(target, test);

        assertEquals(List.of(), summary.getFailures().stream().map(ServedContractIT::text).toList());
        assertTrue(summary.getTestsSucceededCount() >= 7, summary.getTestsSucceededCount() + " checks succeeded");
    }

    private static String text(Failure failure) {
        return failure.getTestIdentifier().getDisplayName() + ": " + failure.getException();
    }

    private static TestExecutionSummary run(Path target, String test) throws Exception {
        Thread current = Thread.currentThread();
        ClassLoader before = current.getContextClassLoader();
        URL[] classes = {target.resolve("classes").toUri().toURL(), target.resolve("test-classes").toUri().toURL()};
        try (URLClassLoader loader = new URLClassLoader(classes, before)) {
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
}
