package dev.nereid.backend.api.config;

import dev.nereid.backend.api.tensor.Shape;
import java.util.Arrays;
import java.util.List;

/** Dimensions of a configuration: sizes, or -1 where any size will do. Immutable. */
public final class Dims {
    /** Stands for a dimension of any size. */
    public static final long ANY = -1;

    private final long[] values;

    private Dims(long[] values) {
        this.values = values;
    }

    /** Returns those dimensions. */
    public static Dims of(long... values) {
        return new Dims(values.clone());
    }

    /** Returns those dimensions. */
    public static Dims of(List<Long> values) {
        return new Dims(values.stream().mapToLong(Long::longValue).toArray());
    }

    /** Returns the number of dimensions. */
    public int rank() {
        return values.length;
    }

    /** Returns dimension {@code index}: its size, or {@link #ANY}. */
    public long get(int index) {
        return values[index];
    }

    /** Returns a copy of the dimensions. */
    public long[] toArray() {
        return values.clone();
    }

    /** Returns whether no dimension is {@link #ANY}. */
    public boolean isFixed() {
        for (long value : values) {
            if (value == ANY) {
                return false;
            }
        }
        return true;
    }

    /** Returns these dimensions with one more outside them. */
    public Dims prepend(long value) {
        long[] longer = new long[values.length + 1];
        longer[0] = value;
        System.arraycopy(values, 0, longer, 1, values.length);
        return new Dims(longer);
    }

    /** Returns whether {@code shape}, from its dimension {@code offset} on, has these dimensions. */
    public boolean matches(Shape shape, int offset) {
        if (shape.rank() - offset != values.length) {
            return false;
        }
        for (int i = 0; i < values.length; i++) {
            if (values[i] != ANY && values[i] != shape.dimension(i + offset)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Dims dims && Arrays.equals(values, dims.values);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(values);
    }

    /** Returns the dimensions as the protocol's texts show them: {@code [-1,16]}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("[");
        for (int i = 0; i < values.length; i++) {
            text.append(i == 0 ? "" : ",").append(values[i]);
        }
        return text.append(']').toString();
    }
}
