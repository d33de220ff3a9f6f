package dev.nereid.backend.pytorch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** Aligned native memory that is reused and grows to the largest use. */
final class ScratchMemory implements AutoCloseable {
    /** That of a cache line, which suits all vector instructions. */
    private static final long ALIGNMENT = 64;

    private static final long SMALLEST = 4096;

    private final LongFunction<Block> allocator;
    private @Nullable Block block;

    /** Creates memory that is taken from the given source. */
    ScratchMemory(LongFunction<Block> allocator) {
        this.allocator = allocator;
    }

    /** Creates plain host memory. */
    ScratchMemory() {
        this(ScratchMemory::hostMemory);
    }

    /**
     * A piece of memory.
     *
     * @param memory the memory
     * @param release gives it back
     */
    record Block(MemorySegment memory, Runnable release) {
    }

    @SuppressWarnings("MustBeClosedChecker") // the block's release closes it
    private static Block hostMemory(long bytes) {
        Arena arena = Arena.ofShared();
        return new Block(arena.allocate(bytes, ALIGNMENT), arena::close);
    }

    /** Returns that many bytes, whose content is undefined; valid until the next call. */
    MemorySegment reserve(long bytes) {
        Block current = block;
        if (current == null || current.memory().byteSize() < bytes) {
            close();
            current = allocator.apply(Math.max(SMALLEST, bytes));
            block = current;
        }
        return current.memory().asSlice(0, bytes);
    }

    /** Returns whether that address lies in the memory that was given out last. */
    boolean holds(MemorySegment segment) {
        Block current = block;
        return current != null && segment.address() == current.memory().address();
    }

    @Override
    public void close() {
        Block old = block;
        block = null;
        if (old != null) {
            old.release().run();
        }
    }
}
