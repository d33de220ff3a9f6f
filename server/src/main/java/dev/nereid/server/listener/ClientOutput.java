package dev.nereid.server.listener;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.socket.HelidonSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that a client gets. Notes since when it takes none, so that one which stops reading can be dropped: until
 * then its answer stays in memory. Used by the connection's thread.
 */
final class ClientOutput implements DataWriter {
    private static final Logger LOGGER = System.getLogger(ClientOutput.class.getName());
    /** So much goes out in one piece; each piece may take as long as the client's patience. */
    private static final int MAX_PIECE = 512 * 1024;
    /** A {@code ByteBuffer} has less than 2 GiB. */
    private static final long MAX_BUFFER = 1L << 30;

    /** So much of an answer lies on the heap at a time where it can't be sent from elsewhere. */
    private static final int WINDOW = 64 * 1024;

    private final DataWriter socket;
    private final @Nullable SocketChannel channel;
    private volatile long writingSince;

    /**
     * Creates an output.
     *
     * @param channel the same as {@code socket} where bytes can be written to it, which with TLS they can't
     */
    ClientOutput(DataWriter socket, @Nullable SocketChannel channel) {
        this.socket = socket;
        this.channel = channel;
    }

    /** Returns since when a write waits for the client, in nanoseconds; 0 when none does. */
    long writingSince() {
        return writingSince;
    }

    @Override
    public void write(BufferData... buffers) {
        writeNow(BufferData.create(buffers));
    }

    @Override
    public void write(BufferData buffer) {
        writeNow(buffer);
    }

    @Override
    public void writeNow(BufferData... buffers) {
        writeNow(BufferData.create(buffers));
    }

    @Override
    public void writeNow(BufferData buffer) {
        try {
            if (buffer.available() > MAX_PIECE) {
                byte[] piece = new byte[MAX_PIECE];
                while (buffer.available() > MAX_PIECE) {
                    int size = buffer.read(piece, 0, piece.length);
                    writePiece(BufferData.create(piece, 0, size));
                }
            }
            writePiece(buffer);
        } finally {
            writingSince = 0;
        }
    }

    /** Writes the bytes and then the memory. */
    void write(byte[] head, int length, List<MemorySegment> rest) {
        try {
            if (channel != null && length <= WINDOW && rest.stream().allMatch(MemorySegment::isNative)) {
                gather(channel, head, length, rest);
            } else {
                for (int offset = 0; offset < length; offset += MAX_PIECE) {
                    writePiece(BufferData.create(head, offset, Math.min(MAX_PIECE, length - offset)));
                }
                writeThroughHeap(rest);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            writingSince = 0;
        }
    }

    private void gather(SocketChannel target, byte[] head, int length, List<MemorySegment> rest) throws IOException {
        List<ByteBuffer> parts = new ArrayList<>(rest.size() + 1);
        parts.add(ByteBuffer.wrap(head, 0, length));
        for (MemorySegment segment : rest) {
            for (long offset = 0; offset < segment.byteSize(); offset += MAX_BUFFER) {
                parts.add(segment.asSlice(offset, Math.min(MAX_BUFFER, segment.byteSize() - offset)).asByteBuffer());
            }
        }
        ByteBuffer[] buffers = parts.toArray(ByteBuffer[]::new);
        for (int first = 0; first < buffers.length;) {
            writingSince = Math.max(1, System.nanoTime());
            target.write(buffers, first, buffers.length - first);
            while (first < buffers.length && !buffers[first].hasRemaining()) {
                first++;
            }
        }
    }

    private void writeThroughHeap(List<MemorySegment> segments) {
        byte[] window = new byte[WINDOW];
        for (MemorySegment segment : segments) {
            for (long offset = 0; offset < segment.byteSize(); offset += WINDOW) {
                int size = (int) Math.min(WINDOW, segment.byteSize() - offset);
                MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, window, 0, size);
                writePiece(BufferData.create(window, 0, size));
            }
        }
    }

    private void writePiece(BufferData piece) {
        writingSince = Math.max(1, System.nanoTime());
        socket.writeNow(piece);
    }

    /** Ends the connection: with TLS that sends a farewell, which a client may as well not take. */
    void end(HelidonSocket connection) {
        writingSince = Math.max(1, System.nanoTime());
        try {
            connection.close();
        } catch (RuntimeException e) {
            LOGGER.log(Level.TRACE, "connection is already gone", e);
        } finally {
            writingSince = 0;
        }
    }

    @Override
    public void flush() {
        socket.flush();
    }

    @Override
    public void close() {
        socket.close();
    }
}
