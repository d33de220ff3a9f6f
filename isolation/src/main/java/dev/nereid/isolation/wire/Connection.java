package dev.nereid.isolation.wire;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/**
 * Frames over a socket. One thread at a time writes, and one reads; a thread that is interrupted while it does closes the
 * socket, as sockets of the JDK have it, so these are threads that nobody interrupts.
 */
public final class Connection implements AutoCloseable {
    private final SocketChannel channel;
    private final ByteBuffer received = ByteBuffer.allocateDirect(16 * 1024).limit(0);

    /** Creates it over a socket that blocks. */
    public Connection(SocketChannel channel) {
        this.channel = channel;
    }

    /** Sends a frame. */
    public void send(FrameOutput frame) throws IOException {
        ByteBuffer bytes = frame.finished();
        while (bytes.hasRemaining()) {
            int ignored = channel.write(bytes);
        }
    }

    /**
     * Waits for the next frame.
     *
     * @throws EOFException when the other side has closed the socket, or has ended
     * @throws WireException when what comes is no frame
     */
    public FrameInput receive() throws IOException {
        fill(FrameOutput.HEADER);
        int length = received.getInt();
        if (length < 0 || length > FrameOutput.MAX_BYTES) {
            throw new WireException("a frame can't have " + length + " bytes");
        }
        byte[] content = new byte[length];
        int position = 0;
        while (position < length) {
            if (!received.hasRemaining()) {
                fill(1);
            }
            int part = Math.min(received.remaining(), length - position);
            received.get(content, position, part);
            position += part;
        }
        return new FrameInput(content);
    }

    private void fill(int wanted) throws IOException {
        if (received.remaining() >= wanted) {
            return;
        }
        received.compact();
        try {
            while (received.position() < wanted) {
                if (channel.read(received) < 0) {
                    throw new EOFException("the other process has closed the connection");
                }
            }
        } finally {
            received.flip();
        }
    }

    /** Closes the socket; whoever reads or writes fails. */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException _) {
            // There is nothing left to be closed.
        }
    }
}
