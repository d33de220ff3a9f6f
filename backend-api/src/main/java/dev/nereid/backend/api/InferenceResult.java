package dev.nereid.backend.api;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The answer of a model that was called through {@link ModelCalls}. Implemented by the server; used by one thread at a
 * time.
 *
 * <p>Whoever made the call owns the result: the outputs' memory is valid until {@link #close()} and must not be written.
 * To pass an output on without a copy, hand it over and let the response close the result:
 *
 * {@snippet :
 * InferenceResult result = context.models().infer(call);
 * Tensor output = result.output("OUTPUT0").orElseThrow();
 * response.addOutput("OUTPUT0", output.dataType(), output.shape(), output.data(), result::close);
 * }
 */
public interface InferenceResult extends AutoCloseable {
    /** Returns the outputs in the order in which the called model added them. */
    List<Tensor> outputs();

    /** Returns the response parameters. */
    Map<String, Parameter> parameters();

    /** Returns the output of that name. */
    default Optional<Tensor> output(String name) {
        return outputs().stream().filter(output -> output.name().equals(name)).findFirst();
    }

    /** Releases the outputs' memory. From any thread; further calls do nothing. */
    @Override
    void close();
}
