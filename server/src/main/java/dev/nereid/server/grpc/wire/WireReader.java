package dev.nereid.server.grpc.wire;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;

/**
 * Reads protobuf's wire format from memory, one field after the other. Nested messages are entered and left. For one
 * thread.
 *
 * <p>What is read is checked: a field ends inside its message, a known field has the type that it must have, texts are
 * UTF-8. Unknown fields are skipped, as protobuf wants it, so that newer clients are understood.
 */
final class WireReader {
    static final int VARINT = 0;
    static final int FIXED64 = 1;
    static final int LENGTH_DELIMITED = 2;
    static final int FIXED32 = 5;

    /** Nine bytes of an integer have 7 bits each, the tenth has the last one. */
    static final int LAST_SHIFT = 63;
    private static final int TYPE_BITS = 3;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment memory;
    private final long maxTextBytes;
    private long position;
    private long end;
    private int field;
    private int type;
    private long textBytes;

    /**
     * Creates a reader.
     *
     * @param memory the message
     * @param maxTextBytes how much text may be made of it
     */
    WireReader(MemorySegment memory, long maxTextBytes) {
        this.memory = memory;
        this.maxTextBytes = maxTextBytes;
        this.end = memory.byteSize();
    }

    /** Reads the start of the next field of this message and returns its number; 0 at the message's end. */
    int nextField() {
        if (position == end) {
            return 0;
        }
        long tag = varint();
        if (tag >>> Integer.SIZE != 0) {
            throw new MalformedMessageException("a field's number is too large");
        }
        field = (int) (tag >>> TYPE_BITS);
        type = (int) tag & ((1 << TYPE_BITS) - 1);
        if (field == 0) {
            throw new MalformedMessageException("a field has number 0");
        }
        return field;
    }

    /** Returns the wire type of the field that {@link #nextField} found. */
    int type() {
        return type;
    }

    /** Returns where the next byte is read. */
    long position() {
        return position;
    }

    /** Returns how many bytes of this message are left. */
    long remaining() {
        return end - position;
    }

    /** Returns how many bytes of text were read. */
    long textBytes() {
        return textBytes;
    }

    /** Returns the bytes that are read. */
    MemorySegment memory() {
        return memory;
    }

    private void require(int expected) {
        if (type != expected) {
            throw new MalformedMessageException("field " + field + " has wire type " + type + ", expected " + expected);
        }
    }

    /** Reads an integer of any width. */
    long readVarint() {
        require(VARINT);
        return varint();
    }

    boolean readBool() {
        return readVarint() != 0;
    }

    double readDouble() {
        return Double.longBitsToDouble(readFixed64());
    }

    int readFixed32() {
        require(FIXED32);
        return memory.get(INT, advance(Integer.BYTES));
    }

    long readFixed64() {
        require(FIXED64);
        return memory.get(LONG, advance(Long.BYTES));
    }

    String readText() {
        int length = readLength();
        textBytes += length;
        if (textBytes > maxTextBytes) {
            throw new MalformedMessageException("it has more than " + maxTextBytes + " bytes of text");
        }
        return text(advance(length), length);
    }

    private String text(long offset, int length) {
        byte[] bytes = new byte[length];
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, offset, bytes, 0, length);
        int seen = 0;
        for (byte next : bytes) {
            seen |= next;
        }
        if (seen >= 0) {
            return new String(bytes, ISO_8859_1);
        }
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new MalformedMessageException("field " + field + " is not UTF-8");
        }
    }

    /** Reads bytes and returns them where they are. */
    MemorySegment readBytes() {
        int length = readLength();
        return memory.asSlice(advance(length), length);
    }

    /** Reads the length of a field that has one. The field ends inside this message. */
    int readLength() {
        require(LENGTH_DELIMITED);
        long length = varint();
        if (length < 0 || length > end - position) {
            throw new MalformedMessageException("field " + field + " has length " + Long.toUnsignedString(length)
                    + ", but only " + (end - position) + " bytes follow");
        }
        return (int) length;
    }

    /** Enters the message that the field holds, and returns what {@link #leave} must be given. */
    long enter() {
        int length = readLength();
        long outer = end;
        end = position + length;
        return outer;
    }

    /** Leaves a message whose end was reached. */
    void leave(long outer) {
        end = outer;
    }

    /** Skips the field. */
    void skip() {
        switch (type) {
            case VARINT -> varint();
            case FIXED64 -> advance(Long.BYTES);
            case FIXED32 -> advance(Integer.BYTES);
            case LENGTH_DELIMITED -> advance(readLength());
            default -> throw unknownType(field, type);
        }
    }

    /** Groups, which the protocol does not have, are refused with all other types: they could be nested without end. */
    static MalformedMessageException unknownType(long field, int type) {
        return new MalformedMessageException("field " + Long.toUnsignedString(field) + " has wire type " + type
                + ", which the protocol does not have");
    }

    /** Reads an integer that stands without a tag, as in a packed list. */
    long varint() {
        long value = 0;
        for (int shift = 0; shift < LAST_SHIFT; shift += 7) {
            byte next = memory.get(ValueLayout.JAVA_BYTE, advance(1));
            value |= (long) (next & 0x7F) << shift;
            if (next >= 0) {
                return value;
            }
        }
        return value | lastBit(memory.get(ValueLayout.JAVA_BYTE, advance(1)));
    }

    /** Returns what the tenth byte of an integer adds: the 64th bit. It is written for nothing else. */
    static long lastBit(byte tenth) {
        if (tenth != 1) {
            throw new MalformedMessageException("an integer has more than 64 bits");
        }
        return Long.MIN_VALUE;
    }

    /** Passes over bytes of this message and returns where they start. */
    long advance(long bytes) {
        if (bytes > end - position) {
            throw new MalformedMessageException("it ends inside a field");
        }
        long start = position;
        position += bytes;
        return start;
    }
}
