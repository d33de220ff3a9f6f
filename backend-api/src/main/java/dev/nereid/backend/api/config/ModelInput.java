package dev.nereid.backend.api.config;

import dev.nereid.backend.api.tensor.DataType;
import java.util.Optional;

/**
 * An input tensor of a model.
 *
 * @param name the tensor's name
 * @param dataType the element type; empty when the configuration does not say (yet)
 * @param format the layout of images; informational
 * @param dims the shape without the batch dimension
 * @param reshape the shape that the backend gets instead of {@code dims}
 * @param isShapeTensor whether the content is a shape (TensorRT)
 * @param allowRaggedBatch whether requests of different shapes may go into one batch
 * @param isOptional whether a request may leave the input out
 * @param isNonLinearFormat whether the tensor has a vectorised layout (TensorRT)
 */
public record ModelInput(String name, Optional<DataType> dataType, Format format, Dims dims, Optional<Dims> reshape,
        boolean isShapeTensor, boolean allowRaggedBatch, boolean isOptional, boolean isNonLinearFormat) {

    /** Creates an input with name, type and dims; everything else has its default. */
    public ModelInput(String name, DataType dataType, Dims dims) {
        this(name, Optional.of(dataType), Format.NONE, dims, Optional.empty(), false, false, false, false);
    }

    /** Returns the shape without batch dimension that the backend gets: the reshaped one where there is one. */
    public Dims backendDims() {
        return reshape.orElse(dims);
    }

    /** Layouts of images. */
    public enum Format {
        /** Not stated. */
        NONE,
        /** Height, width, channels. */
        NHWC,
        /** Channels, height, width. */
        NCHW
    }
}
