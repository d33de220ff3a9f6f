package dev.nereid.engine.gpu;

import dev.nereid.backend.api.StagingMemory;
import dev.nereid.backend.api.tensor.Placement;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Page-locked memory for backends, cut out of one block: locking pages takes milliseconds, so it happens once. What no
 * longer fits is plain memory.
 *
 * <p>Threads: any. One lock guards the list of free parts, which neighbours join when they are given back.
 */
public final class PinnedMemoryPool implements StagingMemory {
    private static final Placement PINNED = new Placement(Placement.Kind.CPU_PINNED, 0);

    private final MemorySegment block;
    /** Free parts: size by offset. */
    private final TreeMap<Long, Long> free = new TreeMap<>();
    private long used;

    /** Creates a pool over a page-locked block; over an empty one, all memory is plain. */
    PinnedMemoryPool(MemorySegment block) {
        this.block = block;
        long whole = block.byteSize() / Buffer.ALIGNMENT * Buffer.ALIGNMENT;
        if (whole > 0) {
            free.put(0L, whole);
        }
    }

    @Override
    public Buffer allocate(long byteSize) {
        if (byteSize < 0) {
            throw new IllegalArgumentException("size " + byteSize + " is negative");
        }
        if (byteSize > block.byteSize()) {
            return PLAIN.allocate(byteSize);
        }
        long size = Math.max(1, Math.ceilDiv(byteSize, Buffer.ALIGNMENT)) * Buffer.ALIGNMENT;
        Long offset = take(size);
        if (offset == null) {
            return PLAIN.allocate(byteSize);
        }
        AtomicBoolean isReleased = new AtomicBoolean();
        return new Buffer(block.asSlice(offset, byteSize), PINNED, () -> {
            if (isReleased.compareAndSet(false, true)) {
                giveBack(offset, size);
            }
        });
    }

    private synchronized @Nullable Long take(long size) {
        for (Iterator<Map.Entry<Long, Long>> parts = free.entrySet().iterator(); parts.hasNext();) {
            Map.Entry<Long, Long> part = parts.next();
            long rest = part.getValue() - size;
            if (rest >= 0) {
                long offset = part.getKey();
                parts.remove();
                if (rest > 0) {
                    free.put(offset + size, rest);
                }
                used += size;
                return offset;
            }
        }
        return null;
    }

    private synchronized void giveBack(long offset, long size) {
        used -= size;
        long start = offset;
        long end = offset + size;
        Map.Entry<Long, Long> before = free.lowerEntry(offset);
        if (before != null && before.getKey() + before.getValue() == offset) {
            start = before.getKey();
        }
        Long after = free.remove(end);
        if (after != null) {
            end += after;
        }
        free.put(start, end - start);
    }

    /** Returns the size of the pool. */
    public long totalBytes() {
        return block.byteSize();
    }

    /** Returns how much of the pool is in use. */
    public synchronized long usedBytes() {
        return used;
    }
}
