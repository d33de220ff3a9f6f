package dev.nereid.backend.pytorch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Aligned native memory that is reused and grows to the largest use. */
final class ScratchMemory implements AutoCloseable {
    /** That of a cache line, which suits all vector instructions. */
    private static final long ALIGNMENT = 64;

    private static final long SMALLEST = 4096;

    private @Nullable Arena arena;
    private MemorySegment memory = MemorySegment.NULL;

    /** Returns that many bytes, whose content is undefined; valid until the next call. */
    @SuppressWarnings("MustBeClosedChecker") // close() closes it
    MemorySegment reserve(long bytes) {
        if (memory.byteSize() < bytes) {
            close();
            Arena larger = Arena.ofShared();
            arena = larger;
            memory = larger.allocate(Math.max(SMALLEST, bytes), ALIGNMENT);
        }
        return memory.asSlice(0, bytes);
    }

    @Override
    public void close() {
        Arena old = arena;
        arena = null;
        memory = MemorySegment.NULL;
        if (old != null) {
            old.close();
        }
    }
}
