package dev.nereid.isolation.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A frame that is being written: four bytes of length, most significant first, then the content. May be used again after
 * {@link #clear()}. Used by one thread at a time.
 */
public final class FrameOutput {
    /** The bytes before the content. */
    static final int HEADER = Integer.BYTES;
    /** How many bytes a frame may have. */
    static final int MAX_BYTES = 64 << 20;

    private byte[] bytes = new byte[512];
    private int size = HEADER;

    /** Begins a new frame in the same memory. */
    public void clear() {
        size = HEADER;
    }

    /** Writes a number in one to ten bytes; those near zero are short. */
    void number(long value) {
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7FL) != 0) {
            octet((int) (rest & 0x7F) | 0x80);
            rest >>>= 7;
        }
        octet((int) rest);
    }

    void octet(int value) {
        if (size == bytes.length) {
            grow(1);
        }
        bytes[size++] = (byte) value;
    }

    void text(String value) {
        byte[] encoded = value.getBytes(StandardCharsets.UTF_8);
        number(encoded.length);
        if (bytes.length - size < encoded.length) {
            grow(encoded.length);
        }
        System.arraycopy(encoded, 0, bytes, size, encoded.length);
        size += encoded.length;
    }

    private void grow(int more) {
        long wanted = Math.max(2L * bytes.length, (long) size + more);
        if ((long) size + more > MAX_BYTES) {
            throw new WireException("a frame of more than " + MAX_BYTES + " bytes can't be sent");
        }
        bytes = Arrays.copyOf(bytes, (int) Math.min(wanted, MAX_BYTES));
    }

    /** Returns the frame with its length. Valid until the next change. */
    ByteBuffer finished() {
        ByteBuffer frame = ByteBuffer.wrap(bytes, 0, size);
        return frame.putInt(0, size - HEADER);
    }

    /** Returns a copy of the content, without the length. */
    public byte[] content() {
        return Arrays.copyOfRange(bytes, HEADER, size);
    }
}
