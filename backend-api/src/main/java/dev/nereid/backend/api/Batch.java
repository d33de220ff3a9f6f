package dev.nereid.backend.api;

import java.util.List;

/**
 * Requests that are executed together. Where the model batches, their tensors go together along the first dimension.
 *
 * <p>The two marks feed the statistics; a backend that uses the helpers of {@code dev.nereid.backend.api.batch} need
 * not set them. A compute start that is never marked falls on the compute end, and that, if never marked, on the end of the
 * execution.
 */
public interface Batch {
    /** Returns the requests, in the order of their rows. */
    List<InferenceRequest> requests();

    /** Returns the number of rows: the sum of the requests' batch sizes. */
    int rows();

    /** Marks that the inputs are gathered and the computation starts. Only the first call counts. */
    void markComputeStart();

    /** Marks that the computation has ended and outputs are written from here on. Only the first call counts. */
    void markComputeEnd();
}
