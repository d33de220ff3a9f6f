package dev.nereid.backend.imagepreprocess;

/**
 * Which source pixels make up each target pixel along one side: a triangle as wide as the reduction, so that no source
 * pixel is skipped (known as bilinear with antialiasing).
 */
final class FilterWeights {
    private final int[] first;
    private final float[][] weights;

    FilterWeights(int source, int target) {
        this.first = new int[target];
        this.weights = new float[target][];
        double scale = (double) source / target;
        double reach = Math.max(1, scale);
        for (int i = 0; i < target; i++) {
            double center = (i + 0.5) * scale;
            int begin = Math.max(0, (int) (center - reach + 0.5));
            int end = Math.min(source, (int) (center + reach + 0.5));
            float[] row = new float[end - begin];
            double sum = 0;
            for (int j = 0; j < row.length; j++) {
                double weight = Math.max(0, 1 - Math.abs((begin + j + 0.5 - center) / reach));
                row[j] = (float) weight;
                sum += weight;
            }
            for (int j = 0; j < row.length; j++) {
                row[j] /= (float) sum;
            }
            first[i] = begin;
            weights[i] = row;
        }
    }

    int targetSize() {
        return first.length;
    }

    /** Returns the first source pixel that counts for that target pixel. */
    int first(int target) {
        return first[target];
    }

    /** Returns the source pixel after the last one that counts. */
    int end(int target) {
        return first[target] + weights[target].length;
    }

    /** Returns how much a source pixel between the two counts. */
    float weight(int target, int source) {
        return weights[target][source - first[target]];
    }

    /** Returns the sum of the source pixels, from {@code offset} on, that make up a target pixel. */
    float sum(int target, float[] source, int offset) {
        float[] row = weights[target];
        int begin = offset + first[target];
        float sum = 0;
        for (int j = 0; j < row.length; j++) {
            sum += row[j] * source[begin + j];
        }
        return sum;
    }
}
