package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Runs a package whose library a C compiler makes here, since AOTInductor itself needs Python. It has the same functions
 * and talks to libtorch through the same ones.
 */
final class AotiModuleTest extends TorchTest {
    @TempDir
    static Path compiled;

    private static Path library = Path.of("");

    private Path version = Path.of("");

    @BeforeAll
    static void compile() throws IOException, InterruptedException {
        library = CompiledLibrary.of("aoti-model", compiled);
    }

    @BeforeEach
    void makeDirectory() throws IOException {
        version = Files.createDirectories(directory.resolve("model").resolve("1"));
    }

    private void writePackage(Map<String, String> texts, boolean hasLibrary) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(version.resolve("model.pt2")))) {
            zip.setMethod(ZipOutputStream.DEFLATED);
            for (Map.Entry<String, String> text : texts.entrySet()) {
                zip.putNextEntry(new ZipEntry(text.getKey()));
                zip.write(text.getValue().getBytes(StandardCharsets.UTF_8));
            }
            if (hasLibrary) {
                zip.putNextEntry(new ZipEntry("archive/data/aotinductor/model/c.wrapper.so"));
                zip.write(Files.readAllBytes(library));
            }
        }
    }

    private void writePackage(String device) throws IOException {
        writePackage(Map.of("archive/archive_format", "pt2", "archive/version", "0\n", "archive/byteorder", "little",
                "archive/data/aotinductor/model/c.wrapper_metadata.json", "{\"AOTI_DEVICE_KEY\": \"" + device + "\"}"),
                true);
    }

    private static ModelConfig config(List<String> inputs, List<String> outputs) {
        return config(DataType.FP32, inputs, outputs);
    }

    private static ModelConfig config(DataType dataType, List<String> inputs, List<String> outputs) {
        return TestScripts.config("model").platform("torch_aoti")
                .inputs(TestScripts.inputs(dataType, ANY, inputs.toArray(String[]::new)))
                .outputs(TestScripts.outputs(dataType, ANY, outputs.toArray(String[]::new))).build();
    }

    private static final ModelConfig NAMED = config(List.of("KWARGS[bias]", "ARGS[0]"),
            List.of("RESULT[1]", "RESULT[0]"));

    private static TestRequest request(String x, String bias) {
        return TestRequest.of().fp32(x, Shape.of(3), 1f, 2f, 3f).fp32(bias, Shape.of(3), 10f, 20f, 30f);
    }

    @Test
    void runsAPackage() throws IOException {
        writePackage("cpu");

        try (TestModel model = loadFile(NAMED)) {
            TestResult result = model.infer(request("ARGS[0]", "KWARGS[bias]"));

            assertArrayEquals(new float[]{12f, 24f, 36f}, result.output("RESULT[0]").floats());
            assertArrayEquals(new float[]{-1f, -2f, -3f}, result.output("RESULT[1]").floats());
        }
    }

    @Test
    void takesNamesWithAnIndex() throws IOException {
        writePackage("cpu");

        try (TestModel model = loadFile(config(List.of("BIAS__1", "X__0"), List.of("Z__1", "Y__0")))) {
            TestResult result = model.infer(request("X__0", "BIAS__1"));

            assertArrayEquals(new float[]{12f, 24f, 36f}, result.output("Y__0").floats());
            assertArrayEquals(new float[]{-1f, -2f, -3f}, result.output("Z__1").floats());
        }
    }

    @Test
    void leavesTheRequestsMemoryAsItIs() throws IOException {
        writePackage("cpu");
        Shape two = Shape.of(2);

        // Bytes need no copy for their alignment. The test engine looks whether they have changed.
        try (TestModel model = loadFile(config(DataType.UINT8, List.of("X__0", "BIAS__1"), List.of("Y__0")))) {
            TestRequest request = TestRequest.of(TestTensor.of("X__0", DataType.UINT8, two, (byte) 1, (byte) 2),
                    TestTensor.of("BIAS__1", DataType.UINT8, two, (byte) 10, (byte) 20));

            assertArrayEquals(new byte[]{11, 22}, model.infer(request).output("Y__0").bytes());
        }
    }

    @Test
    void isNotTriedBeforeTheFirstRequest() throws IOException {
        writePackage("cpu");
        Dims two = Dims.of(2);
        ModelConfig config = TestScripts.config("model").platform("torch_aoti")
                .inputs(TestScripts.inputs(DataType.INT32, two, "X__0", "BIAS__1"))
                .outputs(TestScripts.outputs(DataType.INT32, two, "Y__0")).build();

        try (TestModel model = loadFile(config)) {
            for (int run = 1; run <= 2; run++) {
                TestRequest request = TestRequest.of(
                        TestTensor.of("X__0", DataType.INT32, Shape.of(2), new byte[8]),
                        TestTensor.of("BIAS__1", DataType.INT32, Shape.of(2), new byte[8]));

                assertArrayEquals(new int[]{run, run}, model.infer(request).output("Y__0").ints());
            }
        }
    }

    @Test
    void tellsWhatFailed() throws IOException {
        writePackage("cpu");

        try (TestModel model = loadFile(NAMED)) {
            InferenceException failure = model.infer(TestRequest.of().fp32("ARGS[0]", Shape.of(3), 1f, 2f, 3f)
                    .fp32("KWARGS[bias]", Shape.of(1), 1f)).failure();

            assertEquals(StatusCode.INTERNAL, failure.code());
            assertTrue(failure.getMessage().startsWith("PyTorch execute failure: "), failure.getMessage());
            assertArrayEquals(new float[]{12f, 24f, 36f},
                    model.infer(request("ARGS[0]", "KWARGS[bias]")).output("RESULT[0]").floats());
        }
    }

    @Test
    void checksTheNumberOfInputs() throws IOException {
        writePackage("cpu");

        assertFailure(StatusCode.INVALID_ARG,
                "unable to load model 'model', configuration expects 1 inputs, model provides 2",
                failure(config(List.of("ARGS[0]"), List.of("RESULT[0]"))));
    }

    private InferenceException failure(ModelConfig config) {
        return org.junit.jupiter.api.Assertions.assertThrows(InferenceException.class, () -> loadFile(config).close());
    }

    @Test
    void refusesAPackageForAnotherDevice() throws IOException {
        writePackage("cuda");

        assertFailure(StatusCode.INVALID_ARG, "unable to load model 'model': its package was compiled for 'cuda', an"
                + " instance on the CPU needs one compiled for 'cpu'", failure(NAMED));
    }

    @Test
    void namesAMissingFile() {
        assertFailure(StatusCode.UNAVAILABLE,
                "unable to find '" + version.resolve("model.pt2") + "' for model instance 'model'", failure(NAMED));
    }

    @Test
    void refusesAPackageWithoutACompiledModel() throws IOException {
        writePackage(Map.of("archive/archive_format", "pt2", "archive/models/model.json", "{}"), false);

        assertFailure(StatusCode.INTERNAL, "failed to load model 'model': it holds no compiled model named 'model',"
                + " expected a package made by torch._inductor.aoti_compile_and_package", failure(NAMED));
    }

    @Test
    void refusesTorchScript() throws IOException {
        TestScripts.write(directory.resolve("model"), "def forward(self, x):\n  return x\n");
        Files.move(version.resolve("model.pt"), version.resolve("model.pt2"));

        assertFailure(StatusCode.INTERNAL, "failed to load model 'model': it is TorchScript, expected a package made by"
                + " torch._inductor.aoti_compile_and_package; serve it as model.pt with platform 'pytorch_libtorch'",
                failure(NAMED));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "{\"AOTI_DEVICE_KEY\"", "{\"AOTI_DEVICE_KEY\": \"tpu\"}"})
    void refusesBrokenMetadata(String metadata) throws IOException {
        writePackage(Map.of("archive/archive_format", "pt2",
                "archive/data/aotinductor/model/c.wrapper_metadata.json", metadata), true);

        assertTrue(failure(NAMED).getMessage().contains("load model 'model'"));
    }

    @Test
    void refusesALibraryThatIsNone() throws IOException {
        writePackage(Map.of("archive/archive_format", "pt2",
                "archive/data/aotinductor/model/c.wrapper_metadata.json", "{\"AOTI_DEVICE_KEY\": \"cpu\"}",
                "archive/data/aotinductor/model/c.wrapper.so", "no library"), false);

        String message = failure(NAMED).getMessage();
        assertTrue(message.startsWith("failed to load model 'model': "), message);
        assertTrue(!message.contains("/tmp"), message);
    }

    @Test
    void sharesAndUnloadsWithoutALeak() throws IOException {
        writePackage("cpu");
        ModelConfig two = TestScripts.config("model").platform("torch_aoti").inputs(NAMED.inputs())
                .outputs(NAMED.outputs()).parameters(Map.of("ENABLE_WEIGHT_SHARING", "true"))
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2))).build();
        loadFile(two).close();
        long before = Pointer.totalCount();

        for (int i = 0; i < 5; i++) {
            try (TestModel model = loadFile(two)) {
                for (int instance = 0; instance < 2; instance++) {
                    model.executeOn(instance, List.of(request("ARGS[0]", "KWARGS[bias]"))).getFirst().response();
                }
            }
        }

        assertNoMorePointers(before);
    }
}
