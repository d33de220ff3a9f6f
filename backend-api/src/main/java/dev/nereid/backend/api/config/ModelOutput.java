package dev.nereid.backend.api.config;

import dev.nereid.backend.api.tensor.DataType;
import java.util.Optional;

/**
 * An output tensor of a model.
 *
 * @param name the tensor's name
 * @param dataType the element type; empty when the configuration does not say (yet)
 * @param dims the shape without the batch dimension
 * @param reshape the shape that the backend produces, which the server changes to {@code dims}
 * @param labelFilename the file with one label a line, in the model's directory; empty for none
 * @param isShapeTensor whether the content is a shape (TensorRT)
 * @param isNonLinearFormat whether the tensor has a vectorised layout (TensorRT)
 */
public record ModelOutput(String name, Optional<DataType> dataType, Dims dims, Optional<Dims> reshape,
        String labelFilename, boolean isShapeTensor, boolean isNonLinearFormat) {

    /** Creates an output with name, type and dims; everything else has its default. */
    public ModelOutput(String name, DataType dataType, Dims dims) {
        this(name, Optional.of(dataType), dims, Optional.empty(), "", false, false);
    }

    /** Returns the shape without batch dimension that the backend produces: the reshaped one where there is one. */
    public Dims backendDims() {
        return reshape.orElse(dims);
    }
}
