package dev.nereid.server.grpc.wire;

import io.grpc.Detachable;
import io.grpc.HasByteBuffer;
import io.grpc.KnownLength;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** A message in direct buffers of a few bytes each, as the transport gives it. */
final class TransportStream extends InputStream implements HasByteBuffer, KnownLength, Detachable {
    private final List<ByteBuffer> buffers = new ArrayList<>();
    private int index;
    private boolean isMarked;

    TransportStream(byte[] message, int bufferSize) {
        for (int offset = 0; offset < message.length; offset += bufferSize) {
            int size = Math.min(bufferSize, message.length - offset);
            buffers.add(ByteBuffer.allocateDirect(size).put(message, offset, size).flip());
        }
    }

    @Override
    public boolean byteBufferSupported() {
        return true;
    }

    @Override
    public ByteBuffer getByteBuffer() {
        return buffers.get(index).slice();
    }

    @Override
    public boolean markSupported() {
        return true;
    }

    @Override
    public synchronized void mark(int limit) {
        isMarked = true;
    }

    @Override
    public int available() {
        return buffers.stream().skip(index).mapToInt(ByteBuffer::remaining).sum();
    }

    @Override
    public long skip(long count) {
        ByteBuffer buffer = buffers.get(index);
        if (!isMarked) {
            // The transport frees what was passed over.
            throw new IllegalStateException("not marked");
        }
        if (count != buffer.remaining()) {
            throw new IllegalStateException("skips " + count + " of " + buffer.remaining());
        }
        index++;
        return count;
    }

    @Override
    public int read() {
        throw new IllegalStateException("read byte for byte");
    }

    @Override
    public int read(byte[] target, int offset, int length) {
        throw new IllegalStateException("read into an array");
    }

    @Override
    public InputStream detach() {
        throw new IllegalStateException("detached");
    }
}
