package dev.nereid.backend.imagepreprocess;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImagePreprocessBackendTest {
    @AutoClose
    private final TestEngine engine = TestEngine.start(new ImagePreprocessBackendFactory());

    private static ModelConfig config(int height, int width, String... parameters) {
        ModelConfig.Builder config = ModelConfig.builder("pictures").backend("image-preprocess")
                .inputs(List.of(new ModelInput("IMAGE", DataType.BYTES, Dims.of(1))))
                .outputs(List.of(new ModelOutput("TENSOR", DataType.FP32, Dims.of(3, height, width))));
        return switch (parameters.length) {
            case 0 -> config.build();
            case 2 -> config.parameters(Map.of(parameters[0], parameters[1])).build();
            default -> config.parameters(Map.of(parameters[0], parameters[1], parameters[2], parameters[3])).build();
        };
    }

    private TestResult infer(ModelConfig config, byte[] file) {
        try (TestModel model = engine.load(Path.of(""), config)) {
            return model.infer(TestRequest.of(Pictures.input(false, file)));
        }
    }

    private float[] tensor(ModelConfig config, byte[] file) {
        return infer(config, file).output("TENSOR").floats();
    }

    @Test
    void staysOnTheCpuWhereThereAreGpus() {
        assertEquals(List.of(InstanceGroup.Kind.CPU),
                engine.attributes().preferredInstanceGroups().stream().map(InstanceGroup::kind).toList());
    }

    @Test
    void putsChannelsBeforeRows() {
        BufferedImage picture = new BufferedImage(2, 1, BufferedImage.TYPE_INT_RGB);
        picture.setRGB(0, 0, 0xff3300);
        picture.setRGB(1, 0, 0x0000ff);

        assertArrayEquals(new float[]{1, 0, 0.2f, 0, 0, 1}, tensor(config(1, 2), Pictures.file("png", picture)), 1e-6f);
    }

    @Test
    void normalisesEachChannel() {
        assertArrayEquals(new float[]{1, -1, 0},
                tensor(config(1, 1, "mean", "0.5, 0.5,0", "std", "0.5,0.5,2"), Pictures.of("png", 1, 1, 0xff0000)),
                1e-6f);
    }

    @Test
    void readsJpeg() {
        float[] values = tensor(config(4, 4), Pictures.of("jpeg", 16, 16, 0x8040c0));

        assertEquals(0x80 / 255f, values[0], 0.02f);
        assertEquals(0x40 / 255f, values[16], 0.02f);
        assertEquals(0xc0 / 255f, values[32], 0.02f);
    }

    @Test
    void takesGrayAsItIs() {
        for (int type : new int[]{BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_USHORT_GRAY}) {
            BufferedImage picture = new BufferedImage(1, 1, type);
            int half = type == BufferedImage.TYPE_BYTE_GRAY ? 102 : 102 * 257;
            picture.getRaster().setSample(0, 0, 0, half);

            assertArrayEquals(new float[]{0.4f, 0.4f, 0.4f}, tensor(config(1, 1), Pictures.file("png", picture)),
                    1e-6f);
        }
    }

    @Test
    void averagesWhenItReduces() {
        BufferedImage picture = new BufferedImage(4, 4, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < 16; i++) {
            picture.setRGB(i % 4, i / 4, (i + i / 4) % 2 == 0 ? 0xffffff : 0);
        }

        for (float value : tensor(config(1, 1), Pictures.file("png", picture))) {
            assertEquals(0.5f, value, 1e-6f);
        }
    }

    @Test
    void interpolatesWhenItEnlarges() {
        BufferedImage picture = new BufferedImage(2, 1, BufferedImage.TYPE_INT_RGB);
        picture.setRGB(1, 0, 0xffffff);

        assertArrayEquals(new float[]{0, 0.25f, 0.75f, 1},
                Arrays.copyOf(tensor(config(1, 4), Pictures.file("png", picture)), 4), 1e-6f);
    }

    @Test
    void refusesABombBeforeItIsDecoded() {
        InferenceException failure = infer(config(1, 1), Pictures.bomb(100_000, 100_000)).failure();

        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals(
                "the picture has 100000 x 100000 pixels, expected at most 16777216 in all (parameter 'max_pixels')",
                failure.getMessage());
    }

    @Test
    void refusesWhatIsNoPicture() {
        byte[] broken = Arrays.copyOf(Pictures.of("png", 50, 50, 0x123456), 60);

        assertEquals("the picture is neither JPEG nor PNG",
                infer(config(1, 1), new byte[]{'G', 'I', 'F', '8'}).failure().getMessage());
        assertEquals("the picture is neither JPEG nor PNG", infer(config(1, 1), new byte[0]).failure().getMessage());
        assertEquals("the picture can't be decoded: it is a damaged PNG, or of a kind that is not supported, such as "
                + "CMYK", infer(config(1, 1), broken).failure().getMessage());
        assertEquals("the picture has 60 bytes, expected at most 59 (parameter 'max_image_bytes')",
                infer(config(1, 1, "max_image_bytes", "59"), broken).failure().getMessage());
    }

    @Test
    void passesOnTheErrorOfTheCalledModel() {
        engine.offer("full", request -> TestResult.failed(InferenceException.unavailable("queue is full")));
        engine.offer("other", request -> TestResult.of(TestTensor.fp32("OTHER", Shape.of(1), 1)));
        byte[] file = Pictures.of("png", 1, 1, 0);

        assertEquals(StatusCode.UNAVAILABLE,
                infer(config(1, 1, "call_model", "full", "size", "1x1"), file).failure().code());
        assertEquals(StatusCode.NOT_FOUND,
                infer(config(1, 1, "call_model", "none", "size", "1x1"), file).failure().code());
        assertEquals("model 'other' did not answer with output 'TENSOR'",
                infer(config(1, 1, "call_model", "other", "size", "1x1"), file).failure().getMessage());
        engine.assertNoViolations();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            size       | 4       | parameter 'size' is '4', expected <width>x<height>, each from 1 to 4096
            size       | 5000x1  | parameter 'size' is '5000x1', expected <width>x<height>, each from 1 to 4096
            size       | 3x2     | output 'TENSOR' is TYPE_FP32[3,3,2], but parameter 'size' is '3x2' (width before height)
            mean       | 1,2     | parameter 'mean' is '1,2', expected three numbers with commas between them: red, green, blue
            std        | 1,0,1   | parameter 'std' is '1,0,1', expected three numbers other than 0
            max_pixels | 0       | parameter 'max_pixels' is '0', expected a whole number from 1 to 2147483647
            call_model | unet    | parameter 'size' is missing, expected <width>x<height> as the called model takes it
            """)
    void saysWhatIsWrongWithParameters(String parameter, String value, String problem) {
        assertEquals(problem, assertThrows(InferenceException.class,
                () -> engine.load(Path.of(""), config(3, 2, parameter, value)).close()).getMessage());
    }

    @Test
    void takesTheSizeFromTheParameterWhereTheOutputHasNone() {
        assertEquals(Shape.of(3, 2, 5), infer(config(-1, -1, "size", "5x2"), Pictures.of("png", 1, 1, 0))
                .output("TENSOR").shape());
        assertEquals("output 'TENSOR' is TYPE_FP32[3,-1,-1], expected sides from 1 to 4096, or -1 and parameter 'size' "
                + "with <width>x<height>",
                assertThrows(InferenceException.class,
                        () -> engine.load(Path.of(""), config(-1, -1)).close()).getMessage());
    }
}
