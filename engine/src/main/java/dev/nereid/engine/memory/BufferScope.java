package dev.nereid.engine.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/**
 * Buffers that live and end together, such as those of one request. Used by one thread at a time; empty again when it was
 * closed.
 */
public final class BufferScope implements SegmentAllocator, AutoCloseable {
    private final BufferPool pool;
    private final List<BufferPool.Buffer> buffers = new ArrayList<>(2);
    private long reserved;

    /** Creates an empty scope. */
    public BufferScope(BufferPool pool) {
        this.pool = pool;
    }

    /** Returns memory of that size from the pool, aligned to 64 bytes; its content is undefined. */
    @Override
    public MemorySegment allocate(long byteSize, long byteAlignment) {
        BufferPool.Buffer buffer = pool.acquire(byteSize);
        buffers.add(buffer);
        return buffer.segment();
    }

    /** Takes over a buffer from the same pool and returns its memory. */
    public MemorySegment adopt(BufferPool.Buffer buffer) {
        buffers.add(buffer);
        return buffer.segment();
    }

    /**
     * Counts bytes on the heap against the bound on bytes in flight, for as long as this scope is open.
     *
     * @throws dev.nereid.backend.api.InferenceException UNAVAILABLE when the bound is reached
     */
    public void reserve(long bytes) {
        pool.reserve(bytes);
        reserved += bytes;
    }

    /** Gives everything back. */
    @Override
    public void close() {
        pool.unreserve(reserved);
        reserved = 0;
        closeBuffers();
    }

    /** Gives the buffers back; what was reserved remains so. */
    public void closeBuffers() {
        for (BufferPool.Buffer buffer : buffers) {
            buffer.close();
        }
        buffers.clear();
    }
}
