package dev.nereid.engine.memory;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Off-heap buffers for request bodies and response outputs.
 *
 * <p>Opening and closing a shared arena costs some 90 µs, so buffers are kept and used again: for each of few sizes one
 * stack of free buffers, each with an arena of its own, so that any of them can really be freed when more are free than
 * the pool may keep. {@link MemoryKeeper} frees those that are not needed any more; before a large one is made, large ones
 * that have been free for a second make room for it. The sum of bytes that are in use is bounded; a request that would pass
 * the bound is turned away rather than let the process die.
 *
 * <p>Threads: any. One short lock for each size class.
 */
public final class BufferPool implements AutoCloseable {
    private static final int SMALLEST_BITS = 10;
    /** Up to 64 KiB sizes are powers of two, above there are four for each doubling. */
    private static final int SMALL_BITS = 16;
    private static final int LARGEST_BITS = 25;
    private static final int SMALL_CLASSES = SMALL_BITS - SMALLEST_BITS + 1;
    private static final int CLASSES = SMALL_CLASSES + 4 * (LARGEST_BITS - SMALL_BITS);
    /** The class of buffers too large to keep: they have just the size that is needed, and are freed at once. */
    private static final int UNPOOLED = -1;
    private static final long ALIGNMENT = 64;
    /** From so many bytes on a buffer is worth the look for others that can go. */
    private static final long LARGE_BYTES = 1 << 20;
    /** What requests need more often is kept, so that buffers are not made and freed by turns. */
    private static final long UNUSED_NANOS = 1_000_000_000L;
    /** The smallest of those that the system has back when they are freed. */
    private static final int FIRST_OF_PAGES = sizeClass(Pages.WORTH_BYTES);

    private final HeapBudget heap;
    private final LongSupplier clock;
    private final long maxInUseBytes;
    private final long maxFreeBytes;
    private final AtomicLong inUseBytes = new AtomicLong();
    private final AtomicLong freeBytes = new AtomicLong();
    private final FreeList[] freeLists = new FreeList[CLASSES];
    private volatile boolean isClosed;

    /**
     * Creates an empty pool.
     *
     * @param maxInUseBytes bound on the bytes in use at any time
     * @param maxFreeBytes bound on the bytes that are kept for later use
     */
    public BufferPool(long maxInUseBytes, long maxFreeBytes) {
        this(maxInUseBytes, maxFreeBytes, HeapBudget.ofThisProcess());
    }

    /**
     * Creates an empty pool.
     *
     * @param maxInUseBytes bound on the bytes in use at any time
     * @param maxFreeBytes bound on the bytes that are kept for later use
     * @param heap bounds those of them that lie on the heap
     */
    public BufferPool(long maxInUseBytes, long maxFreeBytes, HeapBudget heap) {
        this(maxInUseBytes, maxFreeBytes, heap, System::nanoTime);
    }

    /** Creates an empty pool that takes nanoseconds, from any time on, from {@code clock}. */
    BufferPool(long maxInUseBytes, long maxFreeBytes, HeapBudget heap, LongSupplier clock) {
        this.heap = heap;
        this.clock = clock;
        this.maxInUseBytes = maxInUseBytes;
        this.maxFreeBytes = maxFreeBytes;
        for (int i = 0; i < CLASSES; i++) {
            freeLists[i] = new FreeList();
        }
    }

    /**
     * Returns a buffer of {@code bytes} bytes, whose content is undefined.
     *
     * @throws InferenceException UNAVAILABLE when the bound on bytes in use is reached
     */
    public Buffer acquire(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("a buffer can't have " + bytes + " bytes");
        }
        int sizeClass = sizeClass(bytes);
        long capacity = capacity(bytes);
        take(capacity);
        Buffer buffer = sizeClass == UNPOOLED ? null : freeLists[sizeClass].pop();
        try {
            if (buffer == null) {
                if (capacity >= LARGE_BYTES) {
                    makeRoom(capacity);
                }
                buffer = Buffer.allocate(this, sizeClass, capacity, ALIGNMENT);
            } else {
                freeBytes.addAndGet(-capacity);
            }
        } catch (OutOfMemoryError e) {
            inUseBytes.addAndGet(-capacity);
            throw new InferenceException(StatusCode.UNAVAILABLE,
                    "no memory left for a buffer of " + bytes + " bytes", e);
        } catch (RuntimeException e) {
            inUseBytes.addAndGet(-capacity);
            throw e;
        }
        buffer.use(bytes);
        return buffer;
    }

    /** Returns how much a buffer of {@code bytes} bytes occupies. */
    public static long capacity(long bytes) {
        int sizeClass = sizeClass(bytes);
        if (sizeClass == UNPOOLED) {
            return bytes;
        }
        if (sizeClass < SMALL_CLASSES) {
            return 1L << (sizeClass + SMALLEST_BITS);
        }
        int step = sizeClass - SMALL_CLASSES;
        return (step % 4 + 5L) << (step / 4 + SMALL_BITS - 2);
    }

    /** Returns the bound on what lies on the heap. */
    public HeapBudget heap() {
        return heap;
    }

    /**
     * Counts bytes on the heap as in use.
     *
     * @throws InferenceException UNAVAILABLE when the bound on bytes in use, or that on the heap, is reached
     */
    public void reserve(long bytes) {
        heap.reserve(bytes);
        try {
            take(bytes);
        } catch (InferenceException e) {
            heap.release(bytes);
            throw e;
        }
    }

    /**
     * Counts bytes as in use that lie neither on the heap nor in a buffer.
     *
     * @throws InferenceException UNAVAILABLE when the bound on bytes in use is reached
     */
    public void reserveElsewhere(long bytes) {
        take(bytes);
    }

    /** Ends what {@link #reserveElsewhere} began. */
    public void unreserveElsewhere(long bytes) {
        inUseBytes.addAndGet(-bytes);
    }

    private void take(long bytes) {
        long sum = inUseBytes.addAndGet(bytes);
        // A sum below zero is one that passed the largest number.
        if (sum > maxInUseBytes || sum < 0) {
            long inUse = inUseBytes.addAndGet(-bytes);
            throw new InferenceException(StatusCode.UNAVAILABLE, "a buffer of " + bytes
                    + " bytes would pass the bound on bytes in flight: " + inUse + " of " + maxInUseBytes
                    + " bytes are in use. Try again later, or raise the setting max-inflight-bytes.");
        }
    }

    /** Ends what {@link #reserve} began. */
    public void unreserve(long bytes) {
        heap.release(bytes);
        inUseBytes.addAndGet(-bytes);
    }

    /** Returns the bytes in use now, rounded up to whole buffers. */
    public long inUseBytes() {
        return inUseBytes.get();
    }

    /** Returns the bytes that are kept for later use. */
    public long freeBytes() {
        return freeBytes.get();
    }

    void release(Buffer buffer) {
        inUseBytes.addAndGet(-buffer.capacity());
        if (buffer.sizeClass() == UNPOOLED) {
            buffer.free();
            return;
        }
        if (freeBytes.addAndGet(buffer.capacity()) > maxFreeBytes) {
            freeBytes.addAndGet(-buffer.capacity());
            buffer.free();
            return;
        }
        if (buffer.sizeClass() >= FIRST_OF_PAGES) {
            buffer.freeSince = clock.getAsLong();
        }
        freeLists[buffer.sizeClass()].push(buffer);
        if (isClosed) {
            freeAll();
        }
    }

    /**
     * Frees the buffers that were free all the time since the last call. What was needed for a short while so goes back to
     * the system, and what is used again and again stays.
     *
     * @return how many bytes of that the C library has, which may keep them; the rest is the system's again
     */
    public long freeUnused() {
        long kept = 0;
        for (int i = 0; i < CLASSES; i++) {
            long freed = free(freeLists[i].takeUnused());
            if (i < FIRST_OF_PAGES) {
                kept += freed;
            }
        }
        return kept;
    }

    /** Frees up to about so many bytes of large buffers that were not needed lately. */
    private void makeRoom(long bytes) {
        long since = clock.getAsLong() - UNUSED_NANOS;
        long left = bytes;
        for (int i = CLASSES - 1; i >= FIRST_OF_PAGES; i--) {
            left -= free(freeLists[i].takeFreeSinceBefore(since, left));
        }
    }

    private long free(List<Buffer> unused) {
        long bytes = 0;
        for (Buffer buffer : unused) {
            bytes += buffer.capacity();
        }
        freeBytes.addAndGet(-bytes);
        unused.forEach(Buffer::free);
        return bytes;
    }

    /** Returns how often buffers of a size that is kept were acquired. */
    long uses() {
        long uses = 0;
        for (FreeList freeList : freeLists) {
            uses += freeList.uses();
        }
        return uses;
    }

    /** Frees what is not in use; buffers in use are freed when they are closed. */
    @Override
    public void close() {
        isClosed = true;
        freeAll();
    }

    private void freeAll() {
        for (FreeList freeList : freeLists) {
            for (Buffer buffer = freeList.pop(); buffer != null; buffer = freeList.pop()) {
                freeBytes.addAndGet(-buffer.capacity());
                buffer.free();
            }
        }
    }

    private static int sizeClass(long bytes) {
        int bits = bytes <= 1 ? 0 : 64 - Long.numberOfLeadingZeros(bytes - 1);
        if (bits > LARGEST_BITS) {
            return UNPOOLED;
        }
        if (bits <= SMALL_BITS) {
            return Math.max(0, bits - SMALLEST_BITS);
        }
        int quarter = (int) ((bytes - 1) >>> (bits - 3)) - 4;
        return SMALL_CLASSES + 4 * (bits - 1 - SMALL_BITS) + quarter;
    }

    /** One stack of free buffers: the last one used is the one whose memory is still in the caches. */
    private static final class FreeList {
        private final ArrayDeque<Buffer> buffers = new ArrayDeque<>();
        private int fewest;
        private long uses;

        synchronized @Nullable Buffer pop() {
            uses++;
            Buffer buffer = buffers.pollFirst();
            fewest = Math.min(fewest, buffers.size());
            return buffer;
        }

        synchronized long uses() {
            return uses;
        }

        /** Takes those at the bottom that nobody needed since the last call. */
        synchronized List<Buffer> takeUnused() {
            List<Buffer> unused = new ArrayList<>(fewest);
            for (int i = 0; i < fewest; i++) {
                unused.add(buffers.removeLast());
            }
            fewest = buffers.size();
            return unused;
        }

        /**
         * Takes some that were given back before a time, until they have so many bytes; the longer they are free, the closer
         * they are to the bottom.
         */
        synchronized List<Buffer> takeFreeSinceBefore(long nanos, long bytes) {
            List<Buffer> unused = new ArrayList<>();
            long left = bytes;
            Buffer last = buffers.peekLast();
            while (last != null && left > 0 && last.freeSince - nanos < 0) {
                unused.add(buffers.removeLast());
                left -= last.capacity();
                last = buffers.peekLast();
            }
            fewest = Math.max(0, fewest - unused.size());
            return unused;
        }

        synchronized void push(Buffer buffer) {
            buffers.addFirst(buffer);
        }
    }

    /** A buffer from the pool. Used by one thread at a time; closing gives it back and invalidates nothing by itself. */
    public static final class Buffer implements AutoCloseable {
        private final BufferPool pool;
        private final Arena arena;
        private final MemorySegment memory;
        private final int sizeClass;
        private MemorySegment segment = MemorySegment.NULL;
        private boolean isInUse;
        /** When it was given back, in nanoseconds of the pool's clock; for large ones. */
        private long freeSince;

        private Buffer(BufferPool pool, Arena arena, MemorySegment memory, int sizeClass) {
            this.pool = pool;
            this.arena = arena;
            this.memory = memory;
            this.sizeClass = sizeClass;
        }

        @SuppressWarnings("MustBeClosedChecker") // free() closes it
        private static Buffer allocate(BufferPool pool, int sizeClass, long capacity, long alignment) {
            Arena arena = Arena.ofShared();
            try {
                MemorySegment memory = capacity >= Pages.WORTH_BYTES
                        ? Pages.allocate(capacity, alignment, arena)
                        : arena.allocate(capacity, alignment);
                return new Buffer(pool, arena, memory, sizeClass);
            } catch (RuntimeException | Error e) {
                arena.close();
                throw e;
            }
        }

        private void use(long bytes) {
            segment = bytes == memory.byteSize() ? memory : memory.asSlice(0, bytes);
            isInUse = true;
        }

        /** Returns the memory, of exactly the size that was asked for. */
        public MemorySegment segment() {
            return segment;
        }

        private int sizeClass() {
            return sizeClass;
        }

        private long capacity() {
            return memory.byteSize();
        }

        private void free() {
            arena.close();
        }

        /** Gives the buffer back. Further calls do nothing. */
        @Override
        public void close() {
            if (isInUse) {
                isInUse = false;
                segment = MemorySegment.NULL;
                pool.release(this);
            }
        }
    }
}
