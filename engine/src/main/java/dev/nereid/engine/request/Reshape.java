package dev.nereid.engine.request;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Shape;

/** Gives a tensor other dimensions over the same elements, as {@code reshape} of a configuration says. */
final class Reshape {
    private final long[] from;
    private final long[] to;
    private final int kept;

    /**
     * Creates the change from some dimensions to others.
     *
     * @param hasBatchDimension whether there is one more dimension outside, which stays
     */
    Reshape(Dims from, Dims to, boolean hasBatchDimension) {
        this.from = from.toArray();
        this.to = to.toArray();
        this.kept = hasBatchDimension ? 1 : 0;
    }

    /** Returns the changed shape; sizes of dimensions that may have any are taken over in order. */
    Shape apply(Shape shape) {
        if (shape.rank() != from.length + kept) {
            return shape;
        }
        long[] changed = new long[to.length + kept];
        if (kept == 1) {
            changed[0] = shape.dimension(0);
        }
        int source = 0;
        for (int i = 0; i < to.length; i++) {
            long size = to[i];
            if (size == Dims.ANY) {
                while (source < from.length && from[source] != Dims.ANY) {
                    source++;
                }
                if (source == from.length) {
                    return shape;
                }
                size = shape.dimension(source + kept);
                source++;
            }
            changed[i + kept] = size;
        }
        return Shape.of(changed);
    }
}
