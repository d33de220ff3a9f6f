package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;

/** Loads engines for one GPU, or for an accelerator of it. Its engines are closed before it. */
interface TrtRuntime extends AutoCloseable {
    /**
     * Loads an engine; {@code plan} is not needed afterwards.
     *
     * @throws InferenceException with the reason that TensorRT gives
     */
    TrtEngine load(MemorySegment plan);

    @Override
    void close();
}
