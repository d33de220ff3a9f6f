package dev.nereid.isolation.wire;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;

/**
 * A tensor whose bytes lie in shared memory.
 *
 * @param name its name
 * @param dataType its type
 * @param shape with the batch dimension where the model batches
 * @param offset where its bytes begin in the area of whoever wrote them
 * @param byteSize how many they are
 */
public record TensorData(String name, DataType dataType, Shape shape, long offset, long byteSize) {
}
