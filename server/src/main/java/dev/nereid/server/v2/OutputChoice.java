package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.sharedmemory.SharedRange;
import java.util.List;
import java.util.function.LongConsumer;

/** What a client wants of an output. */
public sealed interface OutputChoice {
    /** The values themselves. */
    OutputChoice VALUES = new Values();

    /** The values themselves. */
    record Values() implements OutputChoice {
    }

    /**
     * The largest values of each batch entry, with their labels.
     *
     * @param count how many, unsigned
     */
    record Classes(long count) implements OutputChoice {
        /**
         * Returns the texts {@code value:index:label} that take the output's place.
         *
         * @param labels the output's labels; an empty list for none
         * @param isBatching whether the output's first dimension is the batch's
         * @param heap gets, before they are taken, the bytes that this takes of the Java heap; may throw
         * @throws InferenceException INVALID_ARG for an output that can't be classified
         */
        public Tensor of(Tensor output, List<String> labels, boolean isBatching, LongConsumer heap) {
            return Classification.classify(output, count, labels, isBatching, heap);
        }

        /** Does the same for those who count nothing. */
        public Tensor of(Tensor output, List<String> labels, boolean isBatching) {
            return of(output, labels, isBatching, _ -> {
            });
        }
    }

    /**
     * The values in shared memory, instead of in the answer.
     *
     * @param range where to
     */
    record SharedMemory(SharedRange range) implements OutputChoice {
        /**
         * Writes the output.
         *
         * @throws InferenceException INTERNAL where it is too large
         */
        public void write(Tensor output) {
            if (output.byteSize() > range.byteSize()) {
                throw InferenceException.internal("shared memory size specified with the request for output '"
                        + output.name() + "' (" + range.byteSize() + " bytes) should be at least " + output.byteSize()
                        + " bytes to hold the results");
            }
            range.write(output.data());
        }
    }
}
