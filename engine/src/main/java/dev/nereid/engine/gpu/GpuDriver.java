package dev.nereid.engine.gpu;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** What the server asks a GPU driver. Threads: any. */
public interface GpuDriver extends AutoCloseable {
    /** The size of a handle of memory in another process. */
    int IPC_HANDLE_SIZE = 64;

    /**
     * What there is.
     *
     * @param isPresent whether there is a driver; then GPUs can be used, if there are any
     * @param cuda the CUDA version that the driver offers, or why it offers none
     * @param management the driver's own version, or why it can't be asked how busy the GPUs are
     * @param hasManagement whether it can
     */
    record Report(boolean isPresent, String cuda, String management, boolean hasManagement) {
    }

    /** Returns what there is. */
    Report report();

    /** Returns the GPUs that this process may see, by id. */
    List<Gpu> gpus();

    /** Returns what a GPU is doing. */
    GpuUse use(Gpu gpu);

    /**
     * Opens memory that another process has on a GPU.
     *
     * @param handle {@link #IPC_HANDLE_SIZE} bytes
     * @throws GpuException when the driver does not accept the handle
     */
    DeviceMemory openIpc(Gpu gpu, byte[] handle) throws GpuException;

    /**
     * Returns page-locked host memory that all GPUs can copy from and to, valid until {@link #close()}.
     *
     * @throws GpuException when the driver can't give so much
     */
    MemorySegment pin(Gpu gpu, long byteSize) throws GpuException;

    @Override
    void close();

    /** Returns the driver of this machine. Where there is none, it says so and knows no GPUs. */
    static GpuDriver open() {
        return NativeGpuDriver.open(CudaLibrary.NAME, ManagementLibrary.NAME);
    }

    /** Returns the answer of a machine without a driver. */
    static GpuDriver none(String reason) {
        return new NoGpuDriver(reason);
    }

    /** Returns the GPU of that id. */
    default Optional<Gpu> gpu(long id) {
        return gpus().stream().filter(gpu -> gpu.id() == id).findFirst();
    }
}
