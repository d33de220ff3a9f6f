package dev.nereid.engine.sharedmemory;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.gpu.DeviceMemory;
import dev.nereid.engine.gpu.GpuException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The memory of a region. Whoever calls has checked that places lie inside. */
sealed interface RegionMemory {
    long byteSize();

    /** Fills {@code target} from a place here. */
    void read(long offset, MemorySegment target);

    /** Copies {@code source} to a place here. */
    void write(long offset, MemorySegment source);

    void close();

    /**
     * Host memory that is mapped.
     *
     * @param arena closed to unmap it
     * @param memory the bytes
     */
    record Host(Arena arena, MemorySegment memory) implements RegionMemory {
        @Override
        public long byteSize() {
            return memory.byteSize();
        }

        @Override
        public void read(long offset, MemorySegment target) {
            copy(memory.asSlice(offset, target.byteSize()), target);
        }

        @Override
        public void write(long offset, MemorySegment source) {
            copy(source, memory.asSlice(offset, source.byteSize()));
        }

        private static void copy(MemorySegment source, MemorySegment target) {
            try {
                MemorySegment.copy(source, 0, target, 0, target.byteSize());
            } catch (InternalError e) {
                // How the JVM tells that mapped memory is gone; its cause can be nothing but the client.
                throw new InferenceException(StatusCode.INVALID_ARG,
                        "shared memory is smaller than it was when it was registered", e);
            }
        }

        @Override
        public void close() {
            arena.close();
        }
    }

    /**
     * Memory of a GPU.
     *
     * @param memory the whole allocation
     * @param byteSize what of it is registered
     */
    record Device(DeviceMemory memory, long byteSize) implements RegionMemory {
        @Override
        public void read(long offset, MemorySegment target) {
            try {
                memory.read(offset, target);
            } catch (GpuException e) {
                throw failed("read", e);
            }
        }

        @Override
        public void write(long offset, MemorySegment source) {
            try {
                memory.write(offset, source);
            } catch (GpuException e) {
                throw failed("written", e);
            }
        }

        private static InferenceException failed(String what, GpuException cause) {
            return new InferenceException(StatusCode.INTERNAL,
                    "CUDA shared memory can't be " + what + ": " + cause.getMessage(), cause);
        }

        @Override
        public void close() {
            memory.close();
        }
    }
}
