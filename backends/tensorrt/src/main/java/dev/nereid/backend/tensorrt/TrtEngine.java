package dev.nereid.backend.tensorrt;

/** A loaded engine: weights and kernels, shared by its contexts, which are closed before it. */
interface TrtEngine extends AutoCloseable {
    EngineLayout layout();

    /** Keeps that many bytes of weights on the GPU and streams the others; to be called before there is a context. */
    void setWeightBudget(long byteSize);

    /** Returns the budget that TensorRT recommends. */
    long automaticWeightBudget();

    /**
     * Creates what one execution at a time needs.
     *
     * @param followsProfile whether its memory is sized anew with each profile, rather than for the largest
     */
    TrtContext createContext(boolean followsProfile);

    @Override
    void close();
}
