package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.TestEngine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TorchSettingsTest {
    @TempDir
    Path directory;

    @Test
    void hasDefaults() {
        assertEquals(new TorchSettings(Runtime.getRuntime().availableProcessors(), 1, TorchSettings.Blas.OPENBLAS,
                Optional.empty(), List.of(), true, false), TorchSettings.parse(Map.of()));
    }

    @Test
    void readsAll() {
        assertEquals(
                new TorchSettings(3, 2, TorchSettings.Blas.MKL, Optional.of("/opt/torch/lib"), List.of("a.so", "b.so"),
                        false, true),
                TorchSettings.parse(Map.of("cpu-cores", "3", "blas-threads", "2", "blas", "mkl", "library-path",
                        "/opt/torch/lib", "op-libraries", "a.so;b.so", "optimization-trial", "false", "allow-tf32",
                        "on")));
    }

    @Test
    void refusesAnotherBlas() {
        InferenceException failure = assertThrows(InferenceException.class,
                () -> TorchSettings.parse(Map.of("blas", "atlas")));

        assertEquals("backend setting 'blas' is 'atlas', expected openblas or mkl", failure.getMessage());
    }

    private InferenceException startFailure(String key, String value) {
        return assertThrows(InferenceException.class,
                () -> TestEngine.start(new PyTorchBackendFactory(), directory, Map.of(key, value)));
    }

    @Test
    void tellsThatMklIsMissing() {
        assertEquals("the backend setting 'blas' is 'mkl', but the PyTorch backend's directory does not hold MKL",
                startFailure("blas", "mkl").getMessage());
    }

    @Test
    void tellsThatALibraryOfOperatorsIsMissing() {
        String message = startFailure("op-libraries", directory.resolve("absent.so").toString()).getMessage();

        assertTrue(
                message.startsWith("the library 'absent.so' of the backend setting 'op-libraries' can't be loaded: "),
                message);
    }

    @Test
    void loadsLibrariesOfOperators() throws IOException, InterruptedException {
        Path library = CompiledLibrary.of("op-library", directory);
        Path model = TestScripts.write(directory.resolve("model"), "def forward(self, x):\n  return torch.relu(x)\n");
        // Source that is compiled here could not name an operator that is not there yet; saved source can.
        replace(model.resolve("1").resolve("model.pt"), "torch.relu(x)", "ops.probe.triple(x)");

        assertEquals("failed to load model 'model': Unknown builtin op: probe::triple. The model uses an operator that"
                + " this libtorch does not know; export it with the same or an older version of PyTorch, and name"
                + " libraries of custom operators in the backend setting 'op-libraries'.",
                assertThrows(InferenceException.class, () -> TestEngine.start(new PyTorchBackendFactory())
                        .load(model, TorchTest.simple("model").build())).getMessage());
        assertTrue(LibtorchProbe.run(directory, "op-libraries=" + library).contains("answer 3.0 12.0"));
    }

    @Test
    void diagnosesWhatIsThere() {
        List<Diagnosis> findings = new PyTorchBackendFactory().diagnose(context(Map.of()));

        assertEquals(List.of("libtorch", "matrix products", "cores", "GPUs for PyTorch"),
                findings.stream().map(Diagnosis::subject).toList());
        assertEquals("2.13.0, the packaged one", findings.getFirst().found());
    }

    @Test
    void diagnosesAnInstallationThatCanNotBeUsed() {
        List<Diagnosis> findings = new PyTorchBackendFactory()
                .diagnose(context(Map.of("library-path", directory.toString())));

        assertEquals(List.of(Diagnosis.Verdict.PROBLEM), findings.stream().map(Diagnosis::verdict).toList());
    }

    private BackendContext context(Map<String, String> settings) {
        return new BackendContext() {
            @Override
            public String name() {
                return "pytorch";
            }

            @Override
            public Path directory() {
                return directory;
            }

            @Override
            public ApiVersion serverApi() {
                return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
            }

            @Override
            public Map<String, String> settings() {
                return settings;
            }
        };
    }

    private static void replace(Path archive, String text, String other) throws IOException {
        Map<String, byte[]> content = new LinkedHashMap<>();
        try (ZipFile from = new ZipFile(archive.toFile())) {
            for (ZipEntry entry : Collections.list(from.entries())) {
                try (InputStream bytes = from.getInputStream(entry)) {
                    content.put(entry.getName(), bytes.readAllBytes());
                }
            }
        }
        try (ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(archive))) {
            for (Map.Entry<String, byte[]> entry : content.entrySet()) {
                to.putNextEntry(new ZipEntry(entry.getKey()));
                to.write(entry.getKey().endsWith(".py")
                        ? new String(entry.getValue(), StandardCharsets.UTF_8).replace(text, other)
                                .getBytes(StandardCharsets.UTF_8)
                        : entry.getValue());
            }
        }
    }
}
