package dev.nereid.engine;

import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A response of a model. Whoever gets it owns it: the outputs' memory is valid until {@link #close()}, is outside of the
 * heap as a rule, and must not be written. Used by one thread at a time.
 */
public interface Response extends AutoCloseable {
    /** Returns the outputs in the order in which the model added them; with the batch dimension where it batches. */
    List<Tensor> outputs();

    /** Returns the response parameters in the order in which the model set them. */
    Map<String, Parameter> parameters();

    /** Returns the output of that name. */
    default Optional<Tensor> output(String name) {
        return outputs().stream().filter(output -> output.name().equals(name)).findFirst();
    }

    /** Gives the memory of the outputs back. From any thread; further calls do nothing. */
    @Override
    void close();
}
