package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Shape;

/**
 * What one execution at a time needs. Tensors are named; every method throws with TensorRT's reason where TensorRT
 * refuses.
 */
interface TrtContext extends AutoCloseable {
    void selectProfile(int profile, CudaStream stream);

    void setInputShape(String input, Shape shape);

    /** Says where a tensor lies: in memory of the GPU, or of the host where the layout says so. */
    void setAddress(String tensor, long address);

    /** Lets TensorRT ask for an output's memory once its size is known. */
    void setOutputSink(String output, OutputSink sink);

    /** Returns a tensor's shape under the input shapes so far; -1 where only the execution will tell. */
    Dims shape(String tensor);

    /** Checks that everything is known that the shapes depend on. */
    void checkComplete();

    /** Puts an execution on the stream. */
    void enqueue(CudaStream stream);

    @Override
    void close();

    /** Receives an output whose size only the execution tells. Called during {@link #enqueue}, on its thread. */
    interface OutputSink {
        /** Returns the address of at least that many bytes on the GPU; 0 where there is no memory. */
        long reserve(long byteSize);

        /** Tells the shape. */
        void tell(Shape shape);
    }
}
