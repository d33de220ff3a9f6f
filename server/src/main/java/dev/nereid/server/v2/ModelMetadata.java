package dev.nereid.server.v2;

import java.util.List;

/**
 * What a model says about itself.
 *
 * @param name its name
 * @param versions the versions that are ready, ascending; the one that was asked for where one was
 * @param platform its platform, or its backend where it has none
 * @param inputs its inputs
 * @param outputs its outputs
 */
public record ModelMetadata(String name, List<String> versions, String platform, List<TensorMetadata> inputs,
        List<TensorMetadata> outputs) {
    /** Copies the lists. */
    public ModelMetadata {
        versions = List.copyOf(versions);
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
    }

    /**
     * An input or an output.
     *
     * @param name its name
     * @param dataType the name of its datatype
     * @param shape its dimensions with the batch's, -1 for any
     */
    public record TensorMetadata(String name, String dataType, List<Long> shape) {
        /** Copies the list. */
        public TensorMetadata {
            shape = List.copyOf(shape);
        }
    }
}
