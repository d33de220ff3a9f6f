package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library reports nothing and leaves nothing: looked at in a process of its own, where nothing has loaded it yet. */
final class TelemetryTest {
    @TempDir
    Path directory;

    @Test
    void nothingIsWrittenOutsideOfTheTemporaryDirectory() throws Exception {
        Path home = Files.createDirectories(directory.resolve("home"));
        Path temporary = Files.createDirectories(directory.resolve("tmp"));
        Path work = Files.createDirectories(directory.resolve("work"));
        TestGraphs.identity(DataType.FP32, -1)
                .write(Files.createDirectories(directory.resolve("model/1")).resolve("model.onnx"));
        ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-XX:-UsePerfData", "-Djava.io.tmpdir=" + temporary,
                "-cp", System.getProperty("java.class.path"), TelemetryTest.class.getName(),
                directory.resolve("model").toString()).directory(work.toFile()).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.startsWith("XDG_"));
        // Either of these keeps the library silent by itself.
        builder.environment().keySet().removeAll(List.of("CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY"));
        builder.environment().put("HOME", home.toString());
        builder.environment().put("TMPDIR", temporary.toString());

        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        assertTrue(output.contains("answer 3.0"), output);
        assertEquals(List.of(), filesBelow(home));
        assertEquals(List.of(), filesBelow(temporary));
        assertEquals(List.of(), filesBelow(work));
        assertFalse(Files.exists(Path.of("/tmp/mat-debug-" + process.pid() + ".log")));
    }

    private static List<Path> filesBelow(Path place) throws IOException {
        try (Stream<Path> files = Files.walk(place)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    /** Serves the model in the directory that is named. */
    public static void main(String[] arguments) {
        try (TestEngine engine = TestEngine.start(new OnnxRuntimeBackendFactory());
                TestModel model = engine.load(Path.of(arguments[0]),
                        TestGraphs.identityConfig(DataType.FP32, -1).build())) {
            System.out.println("answer "
                    + model.infer(TestRequest.of().fp32("X", Shape.of(1), 3)).output("Y").floats()[0]);
        }
    }
}
