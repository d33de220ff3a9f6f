package dev.nereid.backend.imagepreprocess;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestTensor;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;

/** Small pictures for tests. */
final class Pictures {
    private Pictures() {
    }

    /** Returns a file with a picture of one colour. */
    static byte[] of(String format, int width, int height, int rgb) {
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                picture.setRGB(x, y, rgb);
            }
        }
        return file(format, picture);
    }

    static byte[] file(String format, BufferedImage picture) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        try {
            assertTrue(ImageIO.write(picture, format, file), format);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file.toByteArray();
    }

    /** Returns a PNG file that says it has that size and holds next to nothing. */
    static byte[] bomb(int width, int height) {
        ByteBuffer header = ByteBuffer.allocate(17).put("IHDR".getBytes(StandardCharsets.US_ASCII)).putInt(width)
                .putInt(height).put(new byte[]{8, 2, 0, 0, 0});
        CRC32 sum = new CRC32();
        sum.update(header.array());
        return ByteBuffer.allocate(33).put(new byte[]{(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}).putInt(13)
                .put(header.array()).putInt((int) sum.getValue()).array();
    }

    /** Returns the input with those files, one a row where the model batches. */
    static TestTensor input(boolean batching, byte[]... files) {
        List<byte[]> elements = List.of(files);
        byte[] data = new byte[Math.toIntExact(BytesElements.byteSize(elements))];
        BytesElements.write(elements, MemorySegment.ofArray(data));
        Shape shape = batching ? Shape.of(files.length, 1) : Shape.of(1);
        return TestTensor.of("IMAGE", DataType.BYTES, shape, data);
    }
}
