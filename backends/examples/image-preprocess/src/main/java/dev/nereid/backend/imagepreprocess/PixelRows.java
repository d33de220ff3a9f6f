package dev.nereid.backend.imagepreprocess;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;

/** The rows of a picture as red, green and blue from 0 to 255; transparency is ignored. Used by one thread. */
final class PixelRows {
    private final BufferedImage picture;
    private final int[] pixels;
    private final float grayScale;

    PixelRows(BufferedImage picture) {
        this.picture = picture;
        this.pixels = new int[picture.getWidth()];
        Raster raster = picture.getRaster();
        boolean isGray = raster.getNumBands() < ImageSettings.CHANNELS
                && !(picture.getColorModel() instanceof IndexColorModel);
        // The JDK takes gray values for linear light and would brighten them; everybody else takes them as they are.
        this.grayScale = isGray ? 255f / ((1 << raster.getSampleModel().getSampleSize(0)) - 1) : 0;
    }

    /** Writes a row: all red values, then all green ones, then all blue ones. */
    void read(int row, float[] channels) {
        int width = pixels.length;
        if (grayScale > 0) {
            picture.getRaster().getSamples(0, row, width, 1, 0, pixels);
            for (int x = 0; x < width; x++) {
                float value = pixels[x] * grayScale;
                channels[x] = value;
                channels[width + x] = value;
                channels[2 * width + x] = value;
            }
            return;
        }
        picture.getRGB(0, row, width, 1, pixels, 0, width);
        for (int x = 0; x < width; x++) {
            int pixel = pixels[x];
            channels[x] = pixel >> 16 & 0xff;
            channels[width + x] = pixel >> 8 & 0xff;
            channels[2 * width + x] = pixel & 0xff;
        }
    }
}
