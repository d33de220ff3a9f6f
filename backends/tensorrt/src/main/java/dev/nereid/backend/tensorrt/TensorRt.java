package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.config.Optimization;
import java.util.OptionalInt;

/**
 * TensorRT and CUDA, as far as this backend needs them. What it creates belongs to the caller, who closes it. Where
 * nothing else is said, any thread may call; what is created lies on the GPU that the thread has chosen with
 * {@link #use}.
 */
interface TensorRt extends AutoCloseable {
    /** Returns the version of the library. */
    TrtVersion version();

    /** Returns the number of GPUs that can be used. */
    int deviceCount();

    /** Returns what is known of a GPU. */
    GpuDevice device(int id);

    /** Makes that GPU the one that this thread works on. */
    void use(int deviceId);

    /** Creates a runtime, which loads engines for the GPU or for one of its deep-learning accelerators. */
    TrtRuntime createRuntime(OptionalInt accelerator);

    CudaStream createStream(Optimization.Priority priority);

    /**
     * Creates an event.
     *
     * @param spins whether a thread that waits for it spins rather than sleeps
     */
    CudaEvent createEvent(boolean spins);

    /**
     * Allocates memory of the GPU.
     *
     * @param purpose completes the sentence "out of memory on GPU 0: 64 bytes for ..."
     */
    DeviceMemory allocate(long byteSize, String purpose);

    /** Releases what the library itself holds. Called once, when everything created here is closed. */
    @Override
    void close();

    /**
     * A GPU.
     *
     * @param id its index
     * @param name what it is called
     * @param major the first part of its compute capability
     * @param minor the second part
     */
    record GpuDevice(int id, String name, int major, int minor) {
        /** Returns the compute capability as configurations write it: {@code 8.6}. */
        String computeCapability() {
            return major + "." + minor;
        }
    }

    /** Memory of a GPU. */
    interface DeviceMemory extends AutoCloseable {
        long address();

        long byteSize();

        @Override
        void close();
    }

    /** A point in a stream's work. */
    interface CudaEvent extends AutoCloseable {
        /** Waits until the work before it is done. */
        void await();

        @Override
        void close();
    }

    /** Recorded work of a stream. */
    interface CudaGraph extends AutoCloseable {
        @Override
        void close();
    }
}
