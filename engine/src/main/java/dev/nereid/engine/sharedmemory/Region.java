package dev.nereid.engine.sharedmemory;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A region and how many requests use it. Guarded by the lock of {@link ClientSharedMemory}. */
final class Region {
    private final String name;
    private final RegionMemory memory;
    private final @Nullable RegionStatus system;
    private final @Nullable CudaRegionStatus cuda;
    private int users;
    private boolean isUnregistered;

    Region(RegionStatus status, RegionMemory memory) {
        this.name = status.name();
        this.memory = memory;
        this.system = status;
        this.cuda = null;
    }

    Region(CudaRegionStatus status, RegionMemory memory) {
        this.name = status.name();
        this.memory = memory;
        this.system = null;
        this.cuda = status;
    }

    String name() {
        return name;
    }

    /** Returns what clients see of a region of system shared memory. */
    Optional<RegionStatus> system() {
        return Optional.ofNullable(system);
    }

    /** Returns what clients see of a region of GPU memory. */
    Optional<CudaRegionStatus> cuda() {
        return Optional.ofNullable(cuda);
    }

    RegionMemory memory() {
        return memory;
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

    void close() {
        memory.close();
    }
}
