package dev.nereid.backend.api.tensor;

import dev.nereid.backend.api.InferenceException;
import java.util.Arrays;
import java.util.List;

/** Concrete tensor dimensions, outermost first; none is negative. A scalar has no dimensions. Immutable. */
public final class Shape {
    private static final Shape SCALAR = new Shape(new long[0]);

    private final long[] dimensions;

    private Shape(long[] dimensions) {
        this.dimensions = dimensions;
    }

    /**
     * Returns the shape with those dimensions.
     *
     * @throws InferenceException INVALID_ARG when a dimension is negative
     */
    public static Shape of(long... dimensions) {
        if (dimensions.length == 0) {
            return SCALAR;
        }
        for (long dimension : dimensions) {
            if (dimension < 0) {
                throw InferenceException.invalid("shape " + text(dimensions) + " has a negative dimension");
            }
        }
        return new Shape(dimensions.clone());
    }

    /** Returns the shape with those dimensions. */
    public static Shape of(List<Long> dimensions) {
        long[] copy = new long[dimensions.size()];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = dimensions.get(i);
        }
        return of(copy);
    }

    /** Returns the number of dimensions. */
    public int rank() {
        return dimensions.length;
    }

    /** Returns the size of dimension {@code index}, counted from the outermost. */
    public long dimension(int index) {
        return dimensions[index];
    }

    /** Returns a copy of the dimensions. */
    public long[] toArray() {
        return dimensions.clone();
    }

    /**
     * Returns the number of elements: the product of all dimensions, 1 for a scalar.
     *
     * @throws InferenceException INVALID_ARG when it does not fit a signed 64-bit number
     */
    public long elementCount() {
        // A zero anywhere makes the count zero, whatever the other dimensions multiply to.
        for (long dimension : dimensions) {
            if (dimension == 0) {
                return 0;
            }
        }
        long count = 1;
        for (long dimension : dimensions) {
            long high = Math.multiplyHigh(count, dimension);
            count *= dimension;
            if (high != 0 || count < 0) {
                throw InferenceException.invalid(
                        "shape " + this + " causes total element count to exceed maximum size of " + Long.MAX_VALUE);
            }
        }
        return count;
    }

    /**
     * Returns the shape with the outermost dimension replaced.
     *
     * @throws IllegalStateException when this is a scalar
     */
    public Shape withFirst(long size) {
        requireFirst();
        long[] copy = dimensions.clone();
        copy[0] = size;
        return of(copy);
    }

    /** Returns the shape with one more dimension outside the others. */
    public Shape prepend(long size) {
        long[] longer = new long[dimensions.length + 1];
        longer[0] = size;
        System.arraycopy(dimensions, 0, longer, 1, dimensions.length);
        return of(longer);
    }

    /**
     * Returns the shape without its outermost dimension.
     *
     * @throws IllegalStateException when this is a scalar
     */
    public Shape withoutFirst() {
        requireFirst();
        return of(Arrays.copyOfRange(dimensions, 1, dimensions.length));
    }

    private void requireFirst() {
        if (dimensions.length == 0) {
            throw new IllegalStateException("a scalar has no outermost dimension");
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(dimensions, shape.dimensions);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dimensions);
    }

    /** Returns the dimensions as the protocol's texts show them: {@code [1,3,224]}. */
    @Override
    public String toString() {
        return text(dimensions);
    }

    private static String text(long[] dimensions) {
        StringBuilder text = new StringBuilder("[");
        for (int i = 0; i < dimensions.length; i++) {
            text.append(i == 0 ? "" : ",").append(dimensions[i]);
        }
        return text.append(']').toString();
    }
}
