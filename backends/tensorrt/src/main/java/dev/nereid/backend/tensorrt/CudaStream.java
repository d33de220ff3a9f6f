package dev.nereid.backend.tensorrt;

import java.lang.foreign.MemorySegment;

/** Work that a GPU does in order, and not before it is asked to; used by one thread at a time. */
interface CudaStream extends AutoCloseable {
    /** Copies to the GPU. The host memory must stay as it is until the work is done. */
    void copyIn(MemorySegment host, long deviceAddress);

    /** Copies from the GPU. */
    void copyOut(long deviceAddress, MemorySegment host);

    /** Copies from one place of GPU memory to another, even of another GPU. */
    void copyAcross(long fromAddress, long toAddress, long byteSize);

    /** Sets an event behind the work so far. */
    void record(TensorRt.CudaEvent event);

    /** Lets further work wait until an event of another stream is reached. */
    void waitFor(TensorRt.CudaEvent event);

    /** Waits until all work is done; throws where it failed. */
    void synchronize();

    /** From here on, work is recorded instead of done. */
    void beginCapture();

    /** Ends the recording. */
    TensorRt.CudaGraph endCapture();

    /** Does recorded work. */
    void launch(TensorRt.CudaGraph graph);

    @Override
    void close();
}
