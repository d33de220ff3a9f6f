package dev.nereid.tools.perf;

import dev.nereid.backend.api.tensor.DataType;
import java.util.List;

/**
 * An input of the model.
 *
 * @param name its name
 * @param dataType its datatype
 * @param dims its dimensions without the batch; -1 where any size will do
 * @param isOptional whether a request may leave it out
 */
public record TensorDescription(String name, DataType dataType, List<Long> dims, boolean isOptional) {
    /** Keeps a copy of the list. */
    public TensorDescription {
        dims = List.copyOf(dims);
    }
}
