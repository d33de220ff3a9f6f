package dev.nereid.backend.api;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.MemorySegment;

/**
 * A response under construction; used by one thread. Outputs reach the client in the order in which they were added.
 */
public interface InferenceResponse {
    /**
     * Adds an output and returns the memory to write it into: {@code byteSize} bytes, all zero. The server owns the
     * memory. Where the bytes already lie in one segment, {@link #copyOutput} is faster.
     *
     * @param shape includes the batch dimension where the model batches
     * @throws InferenceException INVALID_ARG when the response has that output already; UNAVAILABLE when the server's
     *     bound on bytes in flight is reached
     */
    MemorySegment addOutput(String name, DataType dataType, Shape shape, long byteSize);

    /**
     * Adds an output and copies its bytes from {@code source}.
     *
     * @throws InferenceException as {@link #addOutput(String, DataType, Shape, long)}
     */
    default void copyOutput(String name, DataType dataType, Shape shape, MemorySegment source) {
        addOutput(name, dataType, shape, source.byteSize()).copyFrom(source);
    }

    /**
     * Adds an output whose memory the backend hands over, without a copy. The server reads {@code data} from any
     * thread and calls {@code release} exactly once, from any thread, when it no longer needs it; also where the
     * response is never sent. Where this method throws, nothing was handed over and {@code release} is not called.
     */
    void addOutput(String name, DataType dataType, Shape shape, MemorySegment data, Runnable release);

    /** Sets a response parameter, which the client sees beside the outputs. */
    void setParameter(String name, Parameter value);

    /** Sends this response and thereby completes the request. */
    void send();

    /**
     * Sends this response; more will follow.
     *
     * @throws InferenceException UNSUPPORTED when the model is not decoupled
     */
    void sendPartial();
}
