package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.BufferPool;
import io.netty.util.internal.PlatformDependent;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the bytes that the transport holds: messages that are not yet complete, and answers that are not yet sent. They
 * are part of the bytes in flight, and lie in memory that has a bound of its own. Threads: any.
 */
final class TransportMemory {
    private final BufferPool buffers;
    private final long maxBytes;
    private final AtomicLong held = new AtomicLong();

    private TransportMemory(BufferPool buffers, long maxBytes) {
        this.buffers = buffers;
        this.maxBytes = maxBytes;
    }

    /** Leaves a quarter of the memory that the JVM gives the transport for what is not counted here. */
    static TransportMemory create(BufferPool buffers) {
        return new TransportMemory(buffers, PlatformDependent.maxDirectMemory() / 4 * 3);
    }

    /**
     * Counts bytes.
     *
     * @throws InferenceException UNAVAILABLE when a bound is reached; then nothing is counted
     */
    void reserve(long bytes) {
        long sum = held.addAndGet(bytes);
        if (sum > maxBytes) {
            held.addAndGet(-bytes);
            throw InferenceException.unavailable("gRPC messages under way take " + (sum - bytes) + " of " + maxBytes
                    + " bytes, so that " + bytes + " more are refused. Try again later, or raise the JVM's "
                    + "-XX:MaxDirectMemorySize.");
        }
        try {
            buffers.reserveElsewhere(bytes);
        } catch (InferenceException e) {
            held.addAndGet(-bytes);
            throw e;
        }
    }

    /** Ends what {@link #reserve} began. */
    void release(long bytes) {
        held.addAndGet(-bytes);
        buffers.unreserveElsewhere(bytes);
    }

    /** Returns the bytes that the transport holds now. */
    long held() {
        return held.get();
    }
}
