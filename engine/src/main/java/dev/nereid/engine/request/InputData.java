package dev.nereid.engine.request;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** An input as the client sent it, not yet checked: dimensions may be negative, bytes too few or too many. */
public final class InputData {
    private final String name;
    private final Optional<DataType> dataType;
    private final long[] dimensions;
    private final MemorySegment data;

    /** Creates an input that takes over {@code dimensions}; the datatype is empty where its name is unknown. */
    public InputData(String name, Optional<DataType> dataType, long[] dimensions, MemorySegment data) {
        this.name = name;
        this.dataType = dataType;
        this.dimensions = dimensions;
        this.data = data;
    }

    /** Returns the name. */
    public String name() {
        return name;
    }

    /** Returns the datatype; empty where the client sent a name that is none. */
    public Optional<DataType> dataType() {
        return dataType;
    }

    /** Returns the number of dimensions. */
    public int rank() {
        return dimensions.length;
    }

    /** Returns the size of that dimension, counted from the outermost. */
    public long dimension(int index) {
        return dimensions[index];
    }

    /** Returns whether these are the dimensions. */
    public boolean hasShape(Shape shape) {
        if (shape.rank() != dimensions.length) {
            return false;
        }
        for (int i = 0; i < dimensions.length; i++) {
            if (dimensions[i] != shape.dimension(i)) {
                return false;
            }
        }
        return true;
    }

    /** Returns the bytes. */
    public MemorySegment data() {
        return data;
    }

    /** Returns a copy of the dimensions. */
    public long[] dimensions() {
        return dimensions.clone();
    }

    /** Returns the dimensions as the protocol's texts show them: {@code [1,16]}. */
    public String shapeText() {
        return shapeText(dimensions);
    }

    /** Returns dimensions as the protocol's texts show them. */
    public static String shapeText(long[] dimensions) {
        StringBuilder text = new StringBuilder("[");
        for (int i = 0; i < dimensions.length; i++) {
            text.append(i == 0 ? "" : ",").append(dimensions[i]);
        }
        return text.append(']').toString();
    }
}
