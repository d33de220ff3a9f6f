package dev.nereid.server.listener;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.socket.HelidonSocket;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/**
 * The bytes that a client gets. Notes since when it takes none, so that one which stops reading can be dropped: until
 * then its answer stays in memory. Used by the connection's thread.
 */
final class ClientOutput implements DataWriter {
    private static final Logger LOGGER = System.getLogger(ClientOutput.class.getName());
    /** So much goes out in one piece; each piece may take as long as the client's patience. */
    private static final int MAX_PIECE = 512 * 1024;

    private final DataWriter socket;
    private volatile long writingSince;

    ClientOutput(DataWriter socket) {
        this.socket = socket;
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
