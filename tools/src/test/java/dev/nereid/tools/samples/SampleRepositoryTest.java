package dev.nereid.tools.samples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SampleRepositoryTest {
    @TempDir
    Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(String... arguments) {
        return SampleRepositoryCommand.run(arguments, new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    /** Runs a model on ones and returns the shape of its first output, in which all numbers must be finite. */
    private static List<Long> outputShape(Path file, torch.ScalarType type, long... shape) {
        try (PointerScope scope = new PointerScope()) {
            JitModule module = torch.load(file.toString());
            scope.attach(module);
            Tensor input = torch.ones(shape, new TensorOptions(type));
            Tensor output = module.forward(new IValueVector(new IValue(input))).toTensor();
            assertTrue(torch.isfinite(output).all().item_bool(), "all numbers are finite");
            return Stream.iterate(0L, i -> i + 1).limit(output.dim()).map(output::size).toList();
        }
    }

    @Test
    void writesAUnetForTheExpectedImages() {
        Path file = directory.resolve("unet.pt");

        SampleModels.unet(file, 4);

        assertEquals(List.of(1L, 3L, 360L, 640L), outputShape(file, torch.ScalarType.Float, 1, 3, 360, 640));
    }

    @Test
    void writesAnMlp() {
        Path file = directory.resolve("mlp.pt");

        SampleModels.mlp(file);

        assertEquals(List.of(5L, 64L), outputShape(file, torch.ScalarType.Float, 5, 128));
    }

    @Test
    void writesAResNet() {
        Path file = directory.resolve("resnet.pt");

        SampleModels.resNet50(file);

        assertEquals(List.of(1L, 1000L), outputShape(file, torch.ScalarType.Float, 1, 3, 224, 224));
    }

    @Test
    void writesATransformer() {
        Path file = directory.resolve("transformer.pt");

        SampleModels.transformer(file);

        assertEquals(List.of(2L, 128L, 384L), outputShape(file, torch.ScalarType.Long, 2, 128));
    }

    @Test
    void writesTheSameModelTwice() throws IOException {
        SampleModels.mlp(directory.resolve("1.pt"));
        SampleModels.mlp(directory.resolve("2.pt"));

        assertArrayEquals(weights("1.pt"), weights("2.pt"));
    }

    private float[] weights(String name) {
        try (PointerScope scope = new PointerScope()) {
            JitModule module = torch.load(directory.resolve(name).toString());
            scope.attach(module);
            Tensor weights = module.attr("p1").toTensor();
            float[] values = new float[(int) weights.numel()];
            new org.bytedeco.javacpp.FloatPointer(weights.data_ptr()).get(values);
            return values;
        }
    }

    @Test
    void writesTheConfigurationOfTheUnet() throws IOException {
        assertEquals(0, run(directory.toString(), "--models=unet,add_sub"), err.toString(StandardCharsets.UTF_8));

        assertEquals("""
                platform: "pytorch_libtorch"
                max_batch_size: 1
                input [ { name: "INPUT__0"  data_type: TYPE_FP32  dims: [ 3, 360, 640 ] } ]
                output [ { name: "OUTPUT__0"  data_type: TYPE_FP32  dims: [ 3, 360, 640 ] } ]
                """, Files.readString(directory.resolve("unet/config.pbtxt")));
        assertTrue(Files.size(directory.resolve("unet/1/model.pt")) > 1000);
        assertTrue(Files.exists(directory.resolve("add_sub/1/model.pt")));
        assertEquals("wrote unet, add_sub to " + directory + System.lineSeparator(),
                out.toString(StandardCharsets.UTF_8));
    }

    @Test
    void writesModelsOfTheIdentityBackendWithoutFiles() throws IOException {
        SampleRepository.write(directory);

        assertTrue(Files.isDirectory(directory.resolve("identity_fp32/1")));
        assertFalse(Files.exists(directory.resolve("identity_fp32/1/model.pt")));
        assertFalse(Files.exists(directory.resolve("resnet50")), "large models are written on request only");
    }

    @Test
    void writesAnEnsembleWithItsModels() throws IOException {
        assertEquals(0, run(directory.toString(), "--models=image_labels"), err.toString(StandardCharsets.UTF_8));

        assertEquals("wrote image_tensor, color_classifier, top_labels, image_labels to " + directory
                + System.lineSeparator(), out.toString(StandardCharsets.UTF_8));
        assertTrue(Files.isDirectory(directory.resolve("image_labels/1")));
        assertTrue(Files.exists(directory.resolve("image_tensor/config.pbtxt")));
        assertEquals(List.of(5L, 8L), outputShape(directory.resolve("color_classifier/1/model.pt"),
                torch.ScalarType.Float, 5, 3, 7, 9));
    }

    @Test
    void writesTheSameOnnxModelEachTime() throws IOException {
        assertEquals(0, run(directory.resolve("a").toString(), "--models=classifier_onnx"));
        assertEquals(0, run(directory.resolve("b").toString(), "--models=classifier_onnx"));

        assertEquals(-1, Files.mismatch(directory.resolve("a/classifier_onnx/1/model.onnx"),
                directory.resolve("b/classifier_onnx/1/model.onnx")));
        assertFalse(Files.exists(directory.resolve("a/classifier_onnx/1/model.pt")));
    }

    @Test
    void printsItsUsage() {
        assertEquals(0, run("--help"));
        assertTrue(out.toString(StandardCharsets.UTF_8).startsWith("Usage: nereid samples <directory> [--models="),
                out.toString(StandardCharsets.UTF_8));
        assertEquals("", err.toString(StandardCharsets.UTF_8));
    }

    @Test
    void refusesUnknownModels() {
        assertEquals(2, run(directory.toString(), "--models=vgg"));
        assertTrue(err.toString(StandardCharsets.UTF_8).startsWith("unknown model 'vgg', expected some of unet,"));
    }

    @Test
    void refusesUnknownArguments() {
        assertEquals(2, run("--verbose"));
        assertEquals(2, run());
    }
}
