package dev.nereid.server.grpc.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;

/** Writes protobuf's wire format into an array that grows. For one thread. */
final class WireWriter {
    private static final int TYPE_BITS = 3;

    private byte[] bytes;
    private int size;

    WireWriter(int capacity) {
        bytes = new byte[capacity];
    }

    /** Returns the array that holds what was written; valid until more is. */
    byte[] bytes() {
        return bytes;
    }

    int size() {
        return size;
    }

    private void reserve(int more) {
        if (more > bytes.length - size) {
            bytes = Arrays.copyOf(bytes, Math.max(Math.addExact(size, more), bytes.length * 2));
        }
    }

    WireWriter varint(long value) {
        reserve(10);
        long rest = value;
        while ((rest & ~0x7FL) != 0) {
            bytes[size++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        bytes[size++] = (byte) rest;
        return this;
    }

    WireWriter tag(int field, int type) {
        return varint((long) field << TYPE_BITS | type);
    }

    /** Writes a text, the empty one too. */
    WireWriter text(int field, String value) {
        byte[] encoded = value.getBytes(UTF_8);
        tag(field, WireReader.LENGTH_DELIMITED).varint(encoded.length);
        return append(encoded, encoded.length);
    }

    /** Writes a text that is not empty, which is the default. */
    WireWriter textUnlessEmpty(int field, String value) {
        return value.isEmpty() ? this : text(field, value);
    }

    WireWriter integer(int field, long value) {
        return tag(field, WireReader.VARINT).varint(value);
    }

    WireWriter fixed64(int field, long value) {
        tag(field, WireReader.FIXED64);
        reserve(Long.BYTES);
        for (int i = 0; i < Long.BYTES; i++) {
            bytes[size++] = (byte) (value >>> (8 * i));
        }
        return this;
    }

    /** Writes a nested message. */
    WireWriter message(int field, WireWriter nested) {
        tag(field, WireReader.LENGTH_DELIMITED).varint(nested.size);
        return append(nested.bytes, nested.size);
    }

    /** Writes what another writer holds. */
    WireWriter append(WireWriter other) {
        return append(other.bytes, other.size);
    }

    private WireWriter append(byte[] more, int length) {
        reserve(length);
        System.arraycopy(more, 0, bytes, size, length);
        size += length;
        return this;
    }

    WireWriter reset() {
        size = 0;
        return this;
    }

    /** Returns how many bytes an integer takes. */
    static int varintSize(long value) {
        return value == 0 ? 1 : (Long.SIZE - Long.numberOfLeadingZeros(value) + 6) / 7;
    }
}
