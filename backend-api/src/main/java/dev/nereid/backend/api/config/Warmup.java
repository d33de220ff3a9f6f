package dev.nereid.backend.api.config;

import dev.nereid.backend.api.tensor.DataType;
import java.util.Map;

/**
 * A sample that every instance executes before the model is ready.
 *
 * @param name a name for texts
 * @param batchSize how many copies make a batch; 0 skips the sample
 * @param inputs the inputs by name
 * @param count how often; 0 means once
 */
public record Warmup(String name, int batchSize, Map<String, Input> inputs, int count) {
    /** Copies the map. */
    public Warmup {
        inputs = Map.copyOf(inputs);
    }

    /**
     * An input of a sample.
     *
     * @param dataType the element type
     * @param dims the shape without the batch dimension
     * @param source where the content comes from
     */
    public record Input(DataType dataType, Dims dims, Source source) {
    }

    /** Where the content of a sample comes from. */
    public sealed interface Source {
        /** Zeros. */
        record Zero() implements Source {
        }

        /** Random values; zeros for BYTES. */
        record Random() implements Source {
        }

        /**
         * A file in the model's {@code warmup} directory.
         *
         * @param name the file's name
         */
        record File(String name) implements Source {
        }
    }
}
