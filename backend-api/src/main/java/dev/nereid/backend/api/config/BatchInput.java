package dev.nereid.backend.api.config;

import dev.nereid.backend.api.tensor.DataType;
import java.util.List;
import java.util.Optional;

/**
 * A tensor that is made from the shapes of a batch, for ragged batching.
 *
 * @param kind what it holds
 * @param targetNames the model's inputs that receive it
 * @param dataType INT32 or FP32
 * @param sourceInputs the inputs whose shapes are described
 */
public record BatchInput(Kind kind, List<String> targetNames, Optional<DataType> dataType, List<String> sourceInputs) {
    /** Copies the lists. */
    public BatchInput {
        targetNames = List.copyOf(targetNames);
        sourceInputs = List.copyOf(sourceInputs);
    }

    /** What a batch input holds. */
    public enum Kind {
        /** For each request the number of elements. */
        ELEMENT_COUNT,
        /** For each request the running sum of elements. */
        ACCUMULATED_ELEMENT_COUNT,
        /** The running sum with a leading zero. */
        ACCUMULATED_ELEMENT_COUNT_WITH_ZERO,
        /** The greatest number of elements, as the size of the tensor. */
        MAX_ELEMENT_COUNT_AS_SHAPE,
        /** For each row the shape of its item. */
        ITEM_SHAPE,
        /** The shapes of all items, flat. */
        ITEM_SHAPE_FLATTEN
    }
}
