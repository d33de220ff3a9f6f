package dev.nereid.engine.memory;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Bounds what requests and responses take from the Java heap, which is far smaller than the machine's memory. What is
 * large is counted before it is allocated; a request that would pass the bound is turned away rather than let the process
 * die.
 *
 * <p>Threads: any.
 */
public final class HeapBudget {
    private final long maxBytes;
    private final AtomicLong inUseBytes = new AtomicLong();

    /** Creates a budget of that many bytes. */
    public HeapBudget(long maxBytes) {
        this.maxBytes = maxBytes;
    }

    /** Returns a budget of a quarter of the heap: half is for connections, and the collector needs some room. */
    public static HeapBudget ofThisProcess() {
        return new HeapBudget(Runtime.getRuntime().maxMemory() / 4);
    }

    /**
     * Counts bytes as in use, before they are allocated.
     *
     * @throws InferenceException UNAVAILABLE when there would be too many
     */
    public void reserve(long bytes) {
        if (!tryReserve(bytes)) {
            throw new InferenceException(StatusCode.UNAVAILABLE, bytes + " bytes more would pass the bound on the Java "
                    + "heap: " + inUseBytes() + " of " + maxBytes + " bytes are in use. Try again later, send tensors "
                    + "as binary data, or raise the limit of the Java heap (-Xmx).");
        }
    }

    /** Counts bytes as in use, and returns true, unless there would be too many. */
    public boolean tryReserve(long bytes) {
        long sum = inUseBytes.addAndGet(bytes);
        // A sum below zero is one that passed the largest number.
        if (sum > maxBytes || sum < 0) {
            inUseBytes.addAndGet(-bytes);
            return false;
        }
        return true;
    }

    /** Ends what {@link #reserve} began. */
    public void release(long bytes) {
        inUseBytes.addAndGet(-bytes);
    }

    /** Returns the bytes in use now. */
    public long inUseBytes() {
        return inUseBytes.get();
    }
}
