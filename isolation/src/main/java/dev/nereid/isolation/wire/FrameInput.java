package dev.nereid.isolation.wire;

import java.nio.charset.StandardCharsets;

/** The content of a frame that came, read from its start to its end. Whatever is asked for is checked. */
public final class FrameInput {
    private final byte[] bytes;
    private int position;

    /** Reads that content, which must not change meanwhile. */
    public FrameInput(byte[] content) {
        this.bytes = content;
    }

    long number() {
        long rest = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            int octet = octet();
            rest |= (long) (octet & 0x7F) << shift;
            if ((octet & 0x80) == 0) {
                return (rest >>> 1) ^ -(rest & 1);
            }
        }
        throw new WireException("a number has more than ten bytes");
    }

    int octet() {
        if (position == bytes.length) {
            throw new WireException("a frame of " + bytes.length + " bytes ends too early");
        }
        return bytes[position++] & 0xFF;
    }

    /** Reads how many elements or bytes follow, each of which takes a byte at least where {@code takesBytes}. */
    int count(boolean takesBytes) {
        long count = number();
        if (count < 0 || count > (takesBytes ? bytes.length - position : FrameOutput.MAX_BYTES)) {
            throw new WireException("a frame of " + bytes.length + " bytes can't hold " + count + " more");
        }
        return (int) count;
    }

    String text() {
        int length = count(true);
        String text = new String(bytes, position, length, StandardCharsets.UTF_8);
        position += length;
        return text;
    }

    /** Checks that nothing is left. */
    void end() {
        if (position != bytes.length) {
            throw new WireException("a frame of " + bytes.length + " bytes was read up to byte " + position + " only");
        }
    }
}
