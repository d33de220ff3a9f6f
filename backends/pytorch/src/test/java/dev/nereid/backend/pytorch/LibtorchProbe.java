package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;

/** A process of its own for what can be decided only once in a process: which libtorch is loaded. */
final class LibtorchProbe {
    private LibtorchProbe() {
    }

    /** Runs such a process and returns what it prints. */
    static List<String> run(Path directory, String setting) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                LibtorchProbe.class.getName(), setting, directory.toString())
                .redirectError(directory.resolve("log").toFile()).start();
        List<String> output;
        try (var reader = process.inputReader()) {
            output = reader.lines().toList();
        }
        assertEquals(0, process.waitFor(), output::toString);
        return output;
    }

    /** Starts the backend with a setting {@code key=value}, executes the model in the directory, and prints what happened. */
    public static void main(String[] arguments) throws IOException {
        String[] setting = arguments[0].split("=", 2);
        Path directory = Path.of(arguments[1]);
        try (TestEngine engine = TestEngine.start(new PyTorchBackendFactory(), directory,
                Map.of(setting[0], setting[1]))) {
            if (!Files.exists(directory.resolve("model"))) {
                TestScripts.write(directory.resolve("model"), "def forward(self, x):\n  return x * 2\n");
            }
            ModelConfig config = TorchTest.simple("model").parameters(Map.of("INTER_OP_THREAD_COUNT", "5")).build();
            try (TestModel model = engine.load(directory.resolve("model"), config)) {
                float[] values = model.infer(TestRequest.of().fp32("INPUT__0", Shape.of(2), 1f, 4f))
                        .output("OUTPUT__0").floats();
                System.out.println("tasks " + torch.get_num_interop_threads());
                System.out.println("answer " + values[0] + " " + values[1]);
            }
            Files.readAllLines(Path.of("/proc/self/maps")).stream().filter(line -> line.contains(".so"))
                    .map(line -> line.substring(line.indexOf('/'))).distinct()
                    .forEach(library -> System.out.println("library " + library));
        } catch (InferenceException e) {
            System.out.println("refused " + e.code() + " " + e.getMessage());
        }
    }
}
