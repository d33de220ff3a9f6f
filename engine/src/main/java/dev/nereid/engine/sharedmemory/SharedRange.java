package dev.nereid.engine.sharedmemory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A part of a region, usable for as long as the lease that it came from. */
public final class SharedRange {
    private final RegionMemory memory;
    private final long offset;
    private final long byteSize;

    SharedRange(RegionMemory memory, long offset, long byteSize) {
        this.memory = memory;
        this.offset = offset;
        this.byteSize = byteSize;
    }

    /** Returns a part of host memory that is nobody's region. */
    public static SharedRange of(MemorySegment memory) {
        return new SharedRange(new RegionMemory.Host(Arena.global(), memory), 0, memory.byteSize());
    }

    /** Returns its size. */
    public long byteSize() {
        return byteSize;
    }

    /**
     * Fills native memory of this size.
     *
     * @throws dev.nereid.backend.api.InferenceException INVALID_ARG when the client has made the shared memory object
     *     smaller since; INTERNAL when the GPU's driver can't
     */
    public void read(MemorySegment target) {
        if (byteSize > 0) {
            memory.read(offset, target);
        }
    }

    /**
     * Copies native memory of at most this size to the start.
     *
     * @throws dev.nereid.backend.api.InferenceException as {@link #read}
     */
    public void write(MemorySegment source) {
        if (source.byteSize() > 0) {
            memory.write(offset, source);
        }
    }
}
