package dev.nereid.server.listener;

import dev.nereid.engine.memory.HeapBudget;
import io.helidon.http.DirectHandler;
import io.helidon.http.RequestException;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ServerConnectionException;
import java.io.UncheckedIOException;
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

    private final Supplier<byte @Nullable []> socket;
    private final HeapBudget heap;
    private long unconsumed;
    private long reserved;
    private volatile long readingSince;
    private @Nullable CompletableFuture<byte @Nullable []> ahead;

    ClientInput(Supplier<byte @Nullable []> socket, HeapBudget heap) {
        this.heap = heap;
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
            // Helidon takes the end of a connection in the middle of headers for an error of its own.
            throw new CloseConnectionException("the client sends no more");
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
