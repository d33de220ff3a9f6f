package dev.nereid.server.grpc.wire;

import io.grpc.HasByteBuffer;
import io.grpc.KnownLength;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.BufferScope;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A message as the transport holds it: in parts, one after the other, in memory that is the transport's. For one thread.
 */
final class MessageParts {
    private static final int FIRST_INFLATED = 64 << 10;
    private static final int LARGEST_INFLATED = 16 << 20;
    private static final int INFLATED_AT_ONCE = 16 << 10;

    private final List<MemorySegment> parts;
    private final long byteSize;
    private int part;
    private long offset;
    private long position;

    private MessageParts(List<MemorySegment> parts) {
        this.parts = parts;
        long bytes = 0;
        for (MemorySegment each : parts) {
            bytes += each.byteSize();
        }
        this.byteSize = bytes;
    }

    /**
     * Returns the parts of a message.
     *
     * @param message stays open for as long as the parts are used
     * @param scope gives memory where the message has to be inflated; it stays open as long
     */
    static MessageParts of(InputStream message, BufferScope scope) throws IOException {
        if (message instanceof HasByteBuffer buffers && buffers.byteBufferSupported() && message.markSupported()) {
            return new MessageParts(borrow(message, buffers));
        }
        if (message instanceof KnownLength) {
            return new MessageParts(List.of(MemorySegment.ofArray(message.readAllBytes())));
        }
        return new MessageParts(inflate(message, scope));
    }

    private static List<MemorySegment> borrow(InputStream message, HasByteBuffer buffers) throws IOException {
        // The mark keeps those that were passed over.
        message.mark(Integer.MAX_VALUE);
        List<MemorySegment> parts = new ArrayList<>(1);
        while (message.available() > 0) {
            ByteBuffer buffer = buffers.getByteBuffer();
            if (buffer == null || !buffer.hasRemaining()) {
                throw new IllegalStateException("the transport has " + message.available() + " bytes without a buffer");
            }
            parts.add(MemorySegment.ofBuffer(buffer));
            message.skipNBytes(buffer.remaining());
        }
        return parts;
    }

    /** A few bytes may become very many: each is counted before there is room for it. */
    @SuppressWarnings("ThreadPriorityCheck") // a virtual thread is asked to let others run; nothing relies on it
    private static List<MemorySegment> inflate(InputStream message, BufferScope scope) throws IOException {
        List<MemorySegment> parts = new ArrayList<>();
        byte[] some = new byte[INFLATED_AT_ONCE];
        long size = FIRST_INFLATED;
        long total = 0;
        MemorySegment room = MemorySegment.NULL;
        long used = 0;
        for (int count = message.read(some); count >= 0; count = message.read(some)) {
            for (int taken = 0; taken < count;) {
                if (used == room.byteSize()) {
                    room = scope.allocate(size, 1);
                    parts.add(room);
                    used = 0;
                    size = Math.min(LARGEST_INFLATED, size * 2);
                    // Inflating much takes long; other calls go on.
                    Thread.yield();
                }
                int more = (int) Math.min(count - taken, room.byteSize() - used);
                MemorySegment.copy(some, taken, room, ValueLayout.JAVA_BYTE, used, more);
                used += more;
                taken += more;
            }
            total += count;
            if (total > Integer.MAX_VALUE) {
                throw new InferenceException(StatusCode.INVALID_ARG,
                        "a message has more than " + Integer.MAX_VALUE + " bytes when it is inflated");
            }
        }
        if (!parts.isEmpty()) {
            parts.set(parts.size() - 1, room.asSlice(0, used));
        }
        return parts;
    }

    /** Returns the bytes of the message. */
    long byteSize() {
        return byteSize;
    }

    /** Returns where the next byte is read. */
    long position() {
        return position;
    }

    /** Starts again. */
    void rewind() {
        part = 0;
        offset = 0;
        position = 0;
    }

    /** Reads an integer. */
    long varint() {
        long value = 0;
        for (int shift = 0; shift < WireReader.LAST_SHIFT; shift += 7) {
            byte next = next();
            value |= (long) (next & 0x7F) << shift;
            if (next >= 0) {
                return value;
            }
        }
        return value | WireReader.lastBit(next());
    }

    private byte next() {
        if (position == byteSize) {
            throw new MalformedMessageException("it ends inside a field");
        }
        while (offset == parts.get(part).byteSize()) {
            part++;
            offset = 0;
        }
        position++;
        return parts.get(part).get(ValueLayout.JAVA_BYTE, offset++);
    }

    /** Passes over bytes. */
    void skip(long bytes) {
        move(bytes, MemorySegment.NULL, -1);
    }

    /** Copies bytes. */
    void copy(long bytes, MemorySegment target, long targetOffset) {
        move(bytes, target, targetOffset);
    }

    private void move(long bytes, MemorySegment target, long targetOffset) {
        if (bytes < 0 || bytes > byteSize - position) {
            throw new MalformedMessageException("it ends inside a field");
        }
        long left = bytes;
        while (left > 0) {
            MemorySegment from = parts.get(part);
            long some = Math.min(left, from.byteSize() - offset);
            if (targetOffset >= 0) {
                MemorySegment.copy(from, offset, target, targetOffset + bytes - left, some);
            }
            offset += some;
            left -= some;
            if (offset == from.byteSize() && part < parts.size() - 1) {
                part++;
                offset = 0;
            }
        }
        position += bytes;
    }
}
