package dev.nereid.server.listener;

import static java.util.Objects.requireNonNull;

import dev.nereid.engine.memory.HeapBudget;
import io.helidon.http.DirectHandler;
import io.helidon.http.RequestException;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ServerConnectionException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that a client sends.
 *
 * <p>Threads: the connection's own reads. While it waits for the engine, another may read ahead in its place, to notice
 * when the client goes; whatever is read then is the next that the connection reads. The lock is held for the hand-over
 * only.
 */
final class ClientInput implements Supplier<byte[]> {
    /** So many bytes may be collected, such as for one chunk, before the request's handler gets any. */
    private static final long MAX_UNCONSUMED = 64L << 20;
    /** As much as any head of a request. */
    private static final long SMALL = 256 * 1024;
    /** What is collected lies on the heap in pieces, and then as a whole. */
    private static final long COPIES = 2;

    /** So many bytes are read at once into memory on the heap: the JDK reads them off-heap first, and keeps that memory. */
    private static final int HEAP_WINDOW = 64 * 1024;

    private final Supplier<byte @Nullable []> socket;
    private final @Nullable ReadableByteChannel channel;
    private final HeapBudget heap;
    private long unconsumed;
    private long reserved;
    private volatile long readingSince;
    private @Nullable CompletableFuture<byte @Nullable []> ahead;

    /**
     * Creates an input.
     *
     * @param channel the same as {@code socket} where bytes can be read from it, which with TLS they can't
     */
    ClientInput(Supplier<byte @Nullable []> socket, @Nullable ReadableByteChannel channel, HeapBudget heap) {
        this.heap = heap;
        this.channel = channel;
        this.socket = socket;
    }

    /**
     * Returns the next bytes. Called by the connection's thread.
     *
     * @throws CloseConnectionException when the client sends no more
     */
    @Override
    public byte[] get() {
        byte[] bytes = next();
        if (bytes == null) {
            throw atEnd();
        }
        unconsumed += bytes.length;
        if (unconsumed > MAX_UNCONSUMED) {
            throw RequestException.builder().type(DirectHandler.EventType.BAD_REQUEST)
                    .status(Status.REQUEST_ENTITY_TOO_LARGE_413).setKeepAlive(false).message("chunk too large")
                    .build();
        }
        if (unconsumed > SMALL) {
            reserve(COPIES * (long) bytes.length);
        }
        return bytes;
    }

    private static CloseConnectionException atEnd() {
        // Helidon takes the end of a connection in the middle of headers for an error of its own.
        return new CloseConnectionException("the client sends no more");
    }

    /** Returns whether the next bytes can be {@link #read read} from the socket. */
    boolean isDirect() {
        return channel != null && !isAhead();
    }

    private synchronized boolean isAhead() {
        return ahead != null;
    }

    /**
     * Reads the next bytes straight into memory. Called by the connection's thread where it {@link #isDirect may}.
     *
     * @return how many; one at least
     * @throws CloseConnectionException when the client sends no more
     */
    int read(ByteBuffer target) {
        int limit = target.limit();
        if (!target.isDirect()) {
            target.limit(Math.min(limit, target.position() + HEAP_WINDOW));
        }
        readingSince = Math.max(1, System.nanoTime());
        try {
            int size = requireNonNull(channel).read(target);
            if (size < 0) {
                throw atEnd();
            }
            return size;
        } catch (IOException e) {
            throw new ServerConnectionException("connection lost", e);
        } finally {
            readingSince = 0;
            target.limit(limit);
        }
    }

    private void reserve(long bytes) {
        if (!heap.tryReserve(bytes)) {
            throw RequestException.builder().type(DirectHandler.EventType.OTHER)
                    .status(Status.SERVICE_UNAVAILABLE_503).setKeepAlive(false).message("the heap is full").build();
        }
        reserved += bytes;
    }

    /** Notes that what was read so far has reached the request's handler. */
    void consumed() {
        unconsumed = 0;
        heap.release(reserved);
        reserved = 0;
    }

    /** Returns since when the connection's thread waits for bytes, in nanoseconds; 0 when it does not. */
    long readingSince() {
        return readingSince;
    }

    private byte @Nullable [] next() {
        CompletableFuture<byte @Nullable []> pending = takeAhead();
        readingSince = Math.max(1, System.nanoTime());
        try {
            return pending == null ? socket.get() : pending.get();
        } catch (UncheckedIOException e) {
            throw new ServerConnectionException("connection lost", e);
        } catch (ExecutionException e) {
            throw new ServerConnectionException("connection lost", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServerConnectionException("interrupted", e);
        } finally {
            readingSince = 0;
        }
    }

    private synchronized @Nullable CompletableFuture<byte @Nullable []> takeAhead() {
        CompletableFuture<byte @Nullable []> pending = ahead;
        ahead = null;
        return pending;
    }

    /**
     * Reads ahead on a thread of its own, unless somebody does or the connection's thread may read itself.
     *
     * @param wait the wait that this is for
     */
    void readAhead(ClientConnection connection, ClientConnection.Wait wait) {
        CompletableFuture<byte @Nullable []> reading = new CompletableFuture<>();
        synchronized (this) {
            // The wait ends before its thread reads again, and that thread asks for the lock before it reads.
            if (ahead != null || connection.currentWait() != wait) {
                return;
            }
            ahead = reading;
        }
        Thread.ofVirtual().name("nereid-http-ahead").start(() -> readAhead(wait, reading));
    }

    private void readAhead(ClientConnection.Wait wait, CompletableFuture<byte @Nullable []> reading) {
        try {
            byte[] bytes = socket.get();
            reading.complete(bytes);
            if (bytes == null) {
                wait.cancel();
            }
        } catch (RuntimeException e) {
            reading.completeExceptionally(e);
            wait.cancel();
        }
    }
}
