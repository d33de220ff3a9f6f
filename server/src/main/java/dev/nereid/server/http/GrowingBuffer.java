package dev.nereid.server.http;

import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import java.io.IOException;
import java.io.OutputStream;
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
        append(bytes, 0, length);
    }

    private void append(byte[] bytes, int from, int length) {
        BufferPool.Buffer current = reserve(size + length);
        MemorySegment.copy(bytes, from, current.segment(), ValueLayout.JAVA_BYTE, size, length);
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

    /** Returns a stream whose bytes are appended. */
    OutputStream stream() {
        return new OutputStream() {
            @Override
            public void write(int one) {
                append(new byte[]{(byte) one}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) {
                append(bytes, offset, length);
            }
        };
    }

    /** Writes what was collected, in pieces of at most that size. */
    void writeTo(OutputStream out, int pieceSize) throws IOException {
        BufferPool.Buffer current = buffer;
        if (current == null) {
            return;
        }
        byte[] piece = new byte[(int) Math.min(pieceSize, size)];
        for (long offset = 0; offset < size; offset += piece.length) {
            int length = (int) Math.min(piece.length, size - offset);
            MemorySegment.copy(current.segment(), ValueLayout.JAVA_BYTE, offset, piece, 0, length);
            out.write(piece, 0, length);
        }
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
