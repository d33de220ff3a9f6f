package dev.nereid.tools.perf;

import dev.nereid.backend.api.tensor.DataType;
import java.util.List;

/** An input of a request: its shape, batch included, and its bytes in the protocol's binary form. */
final class InputTensor {
    private final String name;
    private final DataType dataType;
    private final List<Long> shape;
    private final byte[] bytes;

    /** Creates a tensor that takes over {@code bytes}. */
    InputTensor(String name, DataType dataType, List<Long> shape, byte[] bytes) {
        this.name = name;
        this.dataType = dataType;
        this.shape = List.copyOf(shape);
        this.bytes = bytes;
    }

    String name() {
        return name;
    }

    DataType dataType() {
        return dataType;
    }

    List<Long> shape() {
        return shape;
    }

    /** Returns the bytes themselves, which nobody may change. */
    byte[] bytes() {
        return bytes;
    }
}
