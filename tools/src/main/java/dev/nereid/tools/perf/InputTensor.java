package dev.nereid.tools.perf;

import dev.nereid.backend.api.tensor.DataType;
import java.util.List;

/** An input of a request: its shape, batch included, and its bytes in the protocol's binary form. */
public final class InputTensor {
    private final String name;
    private final DataType dataType;
    private final List<Long> shape;
    private final byte[] bytes;

    /** Creates a tensor that takes over {@code bytes}. */
    public InputTensor(String name, DataType dataType, List<Long> shape, byte[] bytes) {
        this.name = name;
        this.dataType = dataType;
        this.shape = List.copyOf(shape);
        this.bytes = bytes;
    }

    /** Returns the input's name. */
    public String name() {
        return name;
    }

    /** Returns the datatype of the elements. */
    public DataType dataType() {
        return dataType;
    }

    /** Returns the shape, batch included. */
    public List<Long> shape() {
        return shape;
    }

    /** Returns the bytes themselves, which nobody may change. */
    public byte[] bytes() {
        return bytes;
    }
}
