package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.testkit.TestModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ModelFileTest extends OnnxTest {
    private static final byte[] GOOD = TestGraphs.addSub(DataType.FP32, -1, 4).toBytes();

    @Test
    void acceptsAModel() throws IOException {
        Path file = Files.write(directory.resolve("good.onnx"), GOOD);

        assertDoesNotThrow(() -> ModelFile.check("m", file));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"'' | the file is empty",
        "PK\u0003\u0004something | it is a zip archive, as TorchScript's files are, not an ONNX model",
        "version https://git-lfs.github.com/spec/v1 | it is a pointer of Git LFS; fetch the model itself with 'git lfs"
                + " pull'",
        "<html><body>404</body></html> | it is no ONNX model", "just some text | it is no ONNX model",
        "'\u0008\u0008' | it is no ONNX model: it has no graph"})
    void tellsWhatTheFileIsInstead(String content, String what) throws IOException {
        Path file = Files.write(directory.resolve("bad.onnx"), content.getBytes(StandardCharsets.ISO_8859_1));

        assertFailure(StatusCode.INTERNAL, "failed to load model 'm': " + what,
                assertThrows(InferenceException.class, () -> ModelFile.check("m", file)));
    }

    @Test
    void noticesEveryTruncation() throws IOException {
        Path file = directory.resolve("short.onnx");
        for (int length = 0; length < GOOD.length; length++) {
            Files.write(file, Arrays.copyOf(GOOD, length));

            InferenceException failure = assertThrows(InferenceException.class, () -> ModelFile.check("m", file));

            assertTrue(failure.getMessage().startsWith("failed to load model 'm': "), failure.getMessage());
        }
    }

    @Test
    void readsNumbersThatTakeMoreBytesThanTheyNeed() throws IOException {
        // The version of the format, 8, in three bytes.
        byte[] padded = new byte[GOOD.length + 2];
        padded[0] = GOOD[0];
        padded[1] = (byte) (GOOD[1] | 0x80);
        padded[2] = (byte) 0x80;
        System.arraycopy(GOOD, 2, padded, 4, GOOD.length - 2);
        Path file = Files.write(directory.resolve("padded.onnx"), padded);

        assertDoesNotThrow(() -> ModelFile.check("m", file));
    }

    /** A damaged file is refused, or is still a model: it never ends the process. */
    @Test
    void survivesDamage() throws IOException {
        Random random = new Random(11);
        Path file = Files.createDirectories(directory.resolve("1")).resolve("model.onnx");
        int refused = 0;
        for (int round = 0; round < 400; round++) {
            byte[] damaged = GOOD.clone();
            for (int i = 0; i <= round % 4; i++) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            Files.write(file, damaged);
            try (TestModel model = engine().load(directory, 1, TestGraphs.config("m", List.of(), List.of()).build(),
                    true)) {
                assertTrue(model.isReady());
            } catch (InferenceException e) {
                assertEquals(-1, e.getMessage().indexOf('\n'), e.getMessage());
                refused++;
            }
        }
        assertTrue(refused > 100, refused + " of 400 damaged files were refused");
    }
}
