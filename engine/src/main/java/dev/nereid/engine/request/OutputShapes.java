package dev.nereid.engine.request;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;

/** Turns the shapes that a backend produced into those that the model's configuration promises (reshape). */
@FunctionalInterface
public interface OutputShapes {
    /** Leaves every shape as it is. */
    OutputShapes AS_PRODUCED = outputs -> outputs;

    /** Returns the outputs as clients see them. */
    List<Tensor> present(List<Tensor> outputs);
}
