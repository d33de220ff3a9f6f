package dev.nereid.engine.cache;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.cache.CacheKey;
import dev.nereid.backend.api.cache.CacheStatistics;
import dev.nereid.backend.api.cache.ResponseCache;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.memory.BufferPool;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Keeps responses in the memory of this process, up to a number of bytes; the one that was used least recently makes room
 * for a new one. The memory of an entry lies outside the heap and is given back once the entry is gone and no answer is
 * made of it any more. An entry counts for the memory that it takes: a whole buffer, and an allowance for its objects.
 *
 * <p>Threads: any. The monitor guards the map and is held while an entry is taken in or out; contents are copied outside.
 */
public final class LocalCache implements ResponseCache {
    /** What an entry takes on the heap, beside its buffer: names, shapes, its place in the map. */
    static final long OBJECTS = 512;
    private static final long ALIGNMENT = 64;

    private final long maxBytes;
    private final BufferPool pool;
    @GuardedBy("this")
    private final Map<CacheKey, LocalEntry> entries = new LinkedHashMap<>(16, 0.75f, true);
    @GuardedBy("this")
    private long usedBytes;
    @GuardedBy("this")
    private long hits;
    @GuardedBy("this")
    private long misses;
    @GuardedBy("this")
    private long evictions;
    @GuardedBy("this")
    private long tooLarge;
    @GuardedBy("this")
    private long lookupNanos;
    @GuardedBy("this")
    private long insertionNanos;

    /** Creates an empty cache of that many bytes. */
    public LocalCache(long maxBytes) {
        this.maxBytes = maxBytes;
        // Unbounded: answers may still be made of entries that had to make room.
        this.pool = new BufferPool(Long.MAX_VALUE, Math.min(maxBytes / 8, 64L << 20));
    }

    @Override
    public Optional<Entry> get(CacheKey key) {
        long start = System.nanoTime();
        synchronized (this) {
            LocalEntry entry = entries.get(key);
            if (entry == null) {
                misses++;
            } else {
                hits++;
                entry.retain();
            }
            lookupNanos += System.nanoTime() - start;
            return Optional.ofNullable(entry);
        }
    }

    @Override
    public boolean put(CacheKey key, List<Tensor> outputs) {
        long start = System.nanoTime();
        long bytes = bytes(outputs);
        long size = OBJECTS + BufferPool.capacity(bytes);
        synchronized (this) {
            if (size > maxBytes) {
                tooLarge++;
                return false;
            }
            if (entries.containsKey(key)) {
                return true;
            }
        }
        LocalEntry entry;
        try {
            entry = LocalEntry.copy(outputs, pool.acquire(bytes), size);
        } catch (InferenceException e) {
            return false;
        }
        List<LocalEntry> gone = new ArrayList<>();
        synchronized (this) {
            LocalEntry before = entries.putIfAbsent(key, entry);
            if (before != null) {
                gone.add(entry);
            } else {
                usedBytes += size;
                Iterator<LocalEntry> oldest = entries.values().iterator();
                while (usedBytes > maxBytes) {
                    LocalEntry evicted = oldest.next();
                    oldest.remove();
                    usedBytes -= evicted.size;
                    evictions++;
                    gone.add(evicted);
                }
            }
            insertionNanos += System.nanoTime() - start;
        }
        gone.forEach(LocalEntry::release);
        return true;
    }

    private static long bytes(List<Tensor> outputs) {
        long bytes = 0;
        for (Tensor output : outputs) {
            bytes += aligned(output.byteSize());
        }
        return bytes;
    }

    private static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    @Override
    public boolean isShared() {
        return false;
    }

    @Override
    public synchronized Optional<CacheStatistics> statistics() {
        return Optional.of(new CacheStatistics(entries.size(), hits + misses, hits, misses, evictions, tooLarge,
                lookupNanos, insertionNanos, (double) usedBytes / maxBytes));
    }

    @Override
    public void close() {
        List<LocalEntry> gone;
        synchronized (this) {
            gone = new ArrayList<>(entries.values());
            entries.clear();
            usedBytes = 0;
        }
        gone.forEach(LocalEntry::release);
        pool.close();
    }

    /** A copy of outputs in one buffer. The cache has a use of it, and each answer that is made of it. */
    private static final class LocalEntry implements Entry {
        private final long size;
        private final BufferPool.Buffer buffer;
        private final List<Tensor> outputs;
        private final AtomicInteger uses = new AtomicInteger(1);

        private LocalEntry(long size, BufferPool.Buffer buffer, List<Tensor> outputs) {
            this.size = size;
            this.buffer = buffer;
            this.outputs = outputs;
        }

        static LocalEntry copy(List<Tensor> outputs, BufferPool.Buffer buffer, long size) {
            List<Tensor> copies = new ArrayList<>(outputs.size());
            long offset = 0;
            for (Tensor output : outputs) {
                MemorySegment place = buffer.segment().asSlice(offset, output.byteSize());
                place.copyFrom(output.data());
                copies.add(new Tensor(output.name(), output.dataType(), output.shape(), place.asReadOnly()));
                offset += aligned(output.byteSize());
            }
            return new LocalEntry(size, buffer, List.copyOf(copies));
        }

        @Override
        public List<Tensor> outputs() {
            return outputs;
        }

        @Override
        public void retain() {
            uses.incrementAndGet();
        }

        @Override
        public void release() {
            if (uses.decrementAndGet() == 0) {
                buffer.close();
            }
        }
    }
}
