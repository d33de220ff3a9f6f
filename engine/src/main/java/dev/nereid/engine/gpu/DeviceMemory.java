package dev.nereid.engine.gpu;

import java.lang.foreign.MemorySegment;

/** Memory of a GPU that the host copies from and to. Threads: any. */
public interface DeviceMemory extends AutoCloseable {
    /** Returns its size; that of the whole allocation. */
    long byteSize();

    /**
     * Fills host memory from a place here, which whoever calls has checked to lie inside.
     *
     * @throws GpuException when the driver can't
     */
    void read(long offset, MemorySegment target) throws GpuException;

    /**
     * Copies host memory to a place here, which whoever calls has checked to lie inside.
     *
     * @throws GpuException when the driver can't
     */
    void write(long offset, MemorySegment source) throws GpuException;

    /** Gives the memory back. To be called once. */
    @Override
    void close();
}
