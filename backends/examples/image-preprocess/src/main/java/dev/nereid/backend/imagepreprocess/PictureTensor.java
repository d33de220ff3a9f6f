package dev.nereid.backend.imagepreprocess;

import java.awt.image.BufferedImage;
import java.util.Arrays;

/** Resizes a picture and normalises it. Row by row, so that it needs little more memory than the tensor. */
final class PictureTensor {
    private static final int CHANNELS = ImageSettings.CHANNELS;

    private final ImageSettings settings;

    PictureTensor(ImageSettings settings) {
        this.settings = settings;
    }

    /** Writes the tensor of a picture, [3,height,width], into {@code target} from {@code offset} on. */
    void write(BufferedImage picture, float[] target, int offset) {
        int width = settings.width();
        int plane = width * settings.height();
        Arrays.fill(target, offset, offset + settings.elements(), 0);
        PixelRows rows = new PixelRows(picture);
        FilterWeights across = new FilterWeights(picture.getWidth(), width);
        FilterWeights down = new FilterWeights(picture.getHeight(), settings.height());
        float[] source = new float[CHANNELS * picture.getWidth()];
        float[] narrowed = new float[CHANNELS * width];
        int top = 0;
        for (int y = 0; y < picture.getHeight(); y++) {
            while (top < down.targetSize() && down.end(top) <= y) {
                top++;
            }
            rows.read(y, source);
            for (int channel = 0; channel < CHANNELS; channel++) {
                for (int x = 0; x < width; x++) {
                    narrowed[channel * width + x] = across.sum(x, source, channel * picture.getWidth());
                }
            }
            for (int row = top; row < down.targetSize() && down.first(row) <= y; row++) {
                if (y < down.end(row)) {
                    add(narrowed, down.weight(row, y), target, offset + row * width, plane);
                }
            }
        }
        normalise(target, offset, plane);
    }

    private void add(float[] narrowed, float weight, float[] target, int offset, int plane) {
        int width = settings.width();
        for (int channel = 0; channel < CHANNELS; channel++) {
            int from = channel * width;
            int to = offset + channel * plane;
            for (int x = 0; x < width; x++) {
                target[to + x] += weight * narrowed[from + x];
            }
        }
    }

    private void normalise(float[] target, int offset, int plane) {
        for (int channel = 0; channel < CHANNELS; channel++) {
            float mean = settings.mean().get(channel);
            float deviation = settings.deviation().get(channel);
            int begin = offset + channel * plane;
            for (int i = begin; i < begin + plane; i++) {
                target[i] = (target[i] / 255f - mean) / deviation;
            }
        }
    }
}
