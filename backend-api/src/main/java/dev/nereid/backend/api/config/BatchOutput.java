package dev.nereid.backend.api.config;

import java.util.List;

/**
 * Outputs that are split by the shape of an input, for ragged batching.
 *
 * @param targetNames the outputs
 * @param sourceInputs the inputs whose shapes tell how to split
 */
public record BatchOutput(List<String> targetNames, List<String> sourceInputs) {
    /** Copies the lists. */
    public BatchOutput {
        targetNames = List.copyOf(targetNames);
        sourceInputs = List.copyOf(sourceInputs);
    }
}
