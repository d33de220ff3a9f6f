package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Decodes JPEG and PNG with the JDK. What the picture says about its size is read first: a file of some kilobytes can
 * hold a picture of many gigabytes.
 */
final class PictureDecoder {
    private static final byte[] JPEG = {(byte) 0xff, (byte) 0xd8, (byte) 0xff};
    private static final byte[] PNG = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    private final long maxBytes;
    private final long maxPixels;

    PictureDecoder(ImageSettings settings) {
        this.maxBytes = settings.maxBytes();
        this.maxPixels = settings.maxPixels();
    }

    /**
     * Decodes one picture.
     *
     * @throws InferenceException INVALID_ARG when it is too large, of an unknown kind, or damaged
     */
    BufferedImage decode(MemorySegment file) {
        if (file.byteSize() > maxBytes) {
            throw InferenceException.invalid("the picture has " + file.byteSize() + " bytes, expected at most "
                    + maxBytes + " (parameter 'max_image_bytes')");
        }
        String format = format(file);
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
        if (!readers.hasNext()) {
            throw InferenceException.unsupported("this Java runtime can't decode " + format);
        }
        ImageReader reader = readers.next();
        try (var stream = new MemoryCacheImageInputStream(
                new ByteArrayInputStream(file.toArray(ValueLayout.JAVA_BYTE)))) {
            // Without metadata: compressed comments and profiles can be bombs, too.
            reader.setInput(stream, true, true);
            long width = reader.getWidth(0);
            long height = reader.getHeight(0);
            if (width * height > maxPixels) {
                throw InferenceException.invalid("the picture has " + width + " x " + height
                        + " pixels, expected at most " + maxPixels + " in all (parameter 'max_pixels')");
            }
            return reader.read(0);
        } catch (InferenceException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // The JDK's decoders answer damaged files with all kinds of exceptions.
            throw new InferenceException(StatusCode.INVALID_ARG, "the picture can't be decoded: it is a damaged "
                    + format + ", or of a kind that is not supported, such as CMYK", e);
        } finally {
            reader.dispose();
        }
    }

    private static String format(MemorySegment file) {
        if (startsWith(file, JPEG)) {
            return "JPEG";
        }
        if (startsWith(file, PNG)) {
            return "PNG";
        }
        throw InferenceException.invalid("the picture is neither JPEG nor PNG");
    }

    private static boolean startsWith(MemorySegment file, byte[] signature) {
        return file.byteSize() >= signature.length
                && file.asSlice(0, signature.length).mismatch(MemorySegment.ofArray(signature)) < 0;
    }
}
