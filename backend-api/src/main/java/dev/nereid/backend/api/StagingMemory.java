package dev.nereid.backend.api;

import dev.nereid.backend.api.tensor.Placement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Host memory through which tensors go to a GPU and back: page-locked where the server has a pool of it
 * ({@code --pinned-memory-pool-byte-size}), which GPUs copy several times as fast, else plain. Any thread may call.
 */
public interface StagingMemory {
    /** Plain host memory. */
    StagingMemory PLAIN = byteSize -> {
        Arena arena = Arena.ofShared();
        try {
            return new Buffer(arena.allocate(byteSize, Buffer.ALIGNMENT), Placement.CPU, arena::close);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    };

    /**
     * Returns {@code byteSize} bytes of undefined content. When the pool is exhausted they are plain memory; the buffer's
     * placement says which.
     */
    Buffer allocate(long byteSize);

    /**
     * Memory that whoever allocated it must close.
     *
     * @param memory the bytes
     * @param placement {@link Placement.Kind#CPU_PINNED} or {@link Placement.Kind#CPU}
     * @param release gives the memory back; called with {@link #close()}
     */
    record Buffer(MemorySegment memory, Placement placement, Runnable release) implements AutoCloseable {
        /** Every buffer starts at a multiple of it. */
        public static final long ALIGNMENT = 256;

        /** Returns whether the memory is page-locked. */
        public boolean isPinned() {
            return placement.kind() == Placement.Kind.CPU_PINNED;
        }

        /** Gives the memory back. To be called once. */
        @Override
        public void close() {
            release.run();
        }
    }
}
