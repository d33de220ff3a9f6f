package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.DataType;
import java.util.Optional;

/**
 * What a model says about one of its inputs or outputs.
 *
 * @param name the name
 * @param dataType the element type; empty where the protocol has none for it
 * @param shape the dimensions, with -1 for any size; none for a scalar; empty where the model doesn't tell
 * @param firstName what the model calls its first dimension; empty where that has no name
 */
record OnnxTensorInfo(String name, Optional<DataType> dataType, Optional<Dims> shape, String firstName) {
    boolean isScalar() {
        return shape.isPresent() && shape.get().rank() == 0;
    }

    /** Returns whether the first dimension takes any size, which a batch needs. */
    boolean canBatch() {
        return shape.isPresent() && shape.get().rank() > 0 && shape.get().get(0) == Dims.ANY;
    }

    /** Returns the element type as configurations name it. */
    String typeName() {
        return dataType.map(DataType::configName).orElse("TYPE_INVALID");
    }

    /** Returns it as people read it, such as {@code IMAGE TYPE_FP32 [-1,3,224,224]}. */
    @Override
    public String toString() {
        return name + " " + typeName() + " " + shape.map(Dims::toString).orElse("of any shape");
    }
}
