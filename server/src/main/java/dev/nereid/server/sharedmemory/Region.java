package dev.nereid.server.sharedmemory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A mapped region and how many requests use it. Guarded by the lock of {@link SystemSharedMemory}. */
final class Region {
    private final RegionStatus status;
    private final Arena arena;
    private final MemorySegment memory;
    private int users;
    private boolean isUnregistered;

    Region(RegionStatus status, Arena arena, MemorySegment memory) {
        this.status = status;
        this.arena = arena;
        this.memory = memory;
    }

    RegionStatus status() {
        return status;
    }

    MemorySegment memory() {
        return memory;
    }

    boolean isUnregistered() {
        return isUnregistered;
    }

    void unregister() {
        isUnregistered = true;
    }

    void use() {
        users++;
    }

    void release() {
        users--;
    }

    /** Returns whether nobody needs the memory any more. */
    boolean isOver() {
        return isUnregistered && users == 0;
    }

    void unmap() {
        arena.close();
    }
}
