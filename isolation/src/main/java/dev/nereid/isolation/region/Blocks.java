package dev.nereid.isolation.region;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * Hands out blocks of an area, by whoever writes it. A block has a power of two of bytes, and is used again for others of
 * its size; since the area takes pages only where something was written, what a block is too large costs nothing. Of the
 * blocks that are free, some keep their pages, so that these need not be made anew. Blocks are made one after the other;
 * where the area is at its end, that goes on in the largest gap between those in use.
 *
 * <p>Threads: any; one short lock.
 */
public final class Blocks {
    private static final int SMALLEST_BITS = 8;
    private static final long KEPT_BYTES = 64L << 20;
    /** From this size on blocks consist of whole pages, however large the system's are. */
    private static final long DISCARDED_BYTES = 64 << 10;

    private final MemorySegment area;
    private final long limit;
    private final Map<Long, ArrayDeque<Long>> warm = new HashMap<>();
    private final Map<Long, ArrayDeque<Long>> cold = new HashMap<>();
    private final Map<Long, Long> sizes = new HashMap<>();
    /** The place of the next block that is made, and where these must end. */
    private long next;
    private long end;
    private long usedBytes;
    private long warmBytes;

    /**
     * Begins with all of it free.
     *
     * @param limit how many bytes may be in use at a time
     */
    public Blocks(MemorySegment area, long limit) {
        this.area = area;
        this.limit = limit;
        this.end = area.byteSize();
    }

    /**
     * A block.
     *
     * @param offset where it begins in its area
     * @param memory its bytes, as many as were asked for, of undefined content
     */
    public record Block(long offset, MemorySegment memory) {
    }

    /**
     * Returns a block, waiting for a while where others must be freed before.
     *
     * @param patience how long
     * @throws InferenceException UNAVAILABLE when there is none
     */
    public synchronized Block allocate(long bytes, Duration patience) {
        long size = bytes <= 1L << SMALLEST_BITS
                ? 1L << SMALLEST_BITS
                : 1L << (64 - Long.numberOfLeadingZeros(bytes - 1));
        long deadline = System.nanoTime() + patience.toNanos();
        long offset = take(size, bytes);
        while (offset < 0) {
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                throw InferenceException.unavailable(bytes + " bytes of shared memory can't be had: " + usedBytes
                        + " of " + limit + " bytes are in use. Try again later.");
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw InferenceException
                        .unavailable("the wait for " + bytes + " bytes of shared memory was interrupted");
            }
            offset = take(size, bytes);
        }
        sizes.put(offset, size);
        usedBytes += size;
        return new Block(offset, area.asSlice(offset, bytes));
    }

    /** Returns where a block may begin; below zero where there is none. */
    private long take(long size, long bytes) {
        // What is rounded up takes no pages, but one request must always have room.
        if (usedBytes > 0 && usedBytes + bytes > limit) {
            return -1;
        }
        ArrayDeque<Long> free = warm.get(size);
        if (free != null && !free.isEmpty()) {
            warmBytes -= size;
            return free.pop();
        }
        free = cold.get(size);
        if (free != null && !free.isEmpty()) {
            return free.pop();
        }
        long offset = aligned(next, size);
        if (size > end - offset) {
            if (!moveToLargestGap(size)) {
                return -1;
            }
            offset = aligned(next, size);
        }
        next = offset + size;
        return offset;
    }

    private static long aligned(long place, long size) {
        long alignment = Math.min(size, DISCARDED_BYTES);
        return (place + alignment - 1) & -alignment;
    }

    /**
     * Has blocks be made in the largest gap from here on, and forgets the free ones, which lie in gaps: sizes that were in
     * demand before must not keep others from having room. Returns false where a block of that size has no room there.
     */
    private boolean moveToLargestGap(long size) {
        long start = 0;
        long gapStart = 0;
        long gapEnd = 0;
        for (Map.Entry<Long, Long> used : new TreeMap<>(sizes).entrySet()) {
            if (used.getKey() - start > gapEnd - gapStart) {
                gapStart = start;
                gapEnd = used.getKey();
            }
            start = used.getKey() + used.getValue();
        }
        if (area.byteSize() - start > gapEnd - gapStart) {
            gapStart = start;
            gapEnd = area.byteSize();
        }
        if (size > gapEnd - aligned(gapStart, size)) {
            return false;
        }
        warm.forEach((bytes, offsets) -> {
            if (bytes >= DISCARDED_BYTES) {
                offsets.forEach(offset -> Libc.discard(area.asSlice(offset, bytes)));
            }
        });
        warm.clear();
        cold.clear();
        warmBytes = 0;
        next = gapStart;
        end = gapEnd;
        return true;
    }

    /** Takes a block back. One that is not in use is left alone: the other process may have told so twice. */
    public synchronized void free(long offset) {
        Long size = sizes.remove(offset);
        if (size == null) {
            return;
        }
        usedBytes -= size;
        if (size < DISCARDED_BYTES || warmBytes + size <= KEPT_BYTES) {
            warmBytes += size;
            warm.computeIfAbsent(size, ignored -> new ArrayDeque<>()).push(offset);
        } else {
            Libc.discard(area.asSlice(offset, size));
            cold.computeIfAbsent(size, ignored -> new ArrayDeque<>()).push(offset);
        }
        notifyAll();
    }

    /** Returns how many bytes are in use. */
    public synchronized long usedBytes() {
        return usedBytes;
    }

    /**
     * Returns a part of an area that the other process has named.
     *
     * @throws InferenceException INTERNAL when it is not within the area
     */
    public static MemorySegment slice(MemorySegment area, long offset, long bytes) {
        if (offset < 0 || bytes < 0 || bytes > area.byteSize() || offset > area.byteSize() - bytes) {
            throw InferenceException.internal("a process named bytes " + offset + " to " + offset + " + " + bytes
                    + " of " + area.byteSize() + " bytes of shared memory");
        }
        return area.asSlice(offset, bytes);
    }
}
