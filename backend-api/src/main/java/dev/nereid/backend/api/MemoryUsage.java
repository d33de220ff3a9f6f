package dev.nereid.backend.api;

import dev.nereid.backend.api.tensor.Placement;

/**
 * Memory that a model occupies on a device.
 *
 * @param placement where it lies
 * @param byteSize how much, in bytes
 */
public record MemoryUsage(Placement placement, long byteSize) {
    /** Checks the size. */
    public MemoryUsage {
        if (byteSize < 0) {
            throw new IllegalArgumentException("a memory usage of " + byteSize + " bytes is negative");
        }
    }
}
