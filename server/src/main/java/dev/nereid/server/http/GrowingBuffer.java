package dev.nereid.server.http;

import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** Collects bytes of unknown number off-heap; doubles when it is full. */
final class GrowingBuffer implements AutoCloseable {
    private static final long FIRST = 64 * 1024;

    private final BufferPool pool;
    private BufferPool.@Nullable Buffer buffer;
    private long size;

    GrowingBuffer(BufferPool pool) {
        this.pool = pool;
    }

    long size() {
        return size;
    }

    void append(byte[] bytes, int length) {
        BufferPool.Buffer current = reserve(size + length);
        MemorySegment.copy(bytes, 0, current.segment(), ValueLayout.JAVA_BYTE, size, length);
        size += length;
    }

    private BufferPool.Buffer reserve(long needed) {
        BufferPool.Buffer current = buffer;
        if (current != null && current.segment().byteSize() >= needed) {
            return current;
        }
        BufferPool.Buffer larger = pool.acquire(current == null
                ? Math.max(FIRST, needed)
                : Math.max(current.segment().byteSize() * 2, needed));
        if (current != null) {
            MemorySegment.copy(current.segment(), 0, larger.segment(), 0, size);
            current.close();
        }
        buffer = larger;
        return larger;
    }

    /** Hands the memory to a scope and returns it, of exactly the size that was collected. */
    MemorySegment moveTo(BufferScope scope) {
        BufferPool.Buffer current = buffer;
        if (current == null) {
            return MemorySegment.NULL;
        }
        buffer = null;
        return scope.adopt(current).asSlice(0, size);
    }

    @Override
    public void close() {
        BufferPool.Buffer current = buffer;
        buffer = null;
        if (current != null) {
            current.close();
        }
    }
}
