package dev.nereid.server.grpc.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Finds the raw contents among the fields of a message, and takes all out of the transport's buffers with one copy: each
 * tensor where backends like to have it, behind them all other fields, which are few bytes.
 */
final class RawContents {
    private static final int FIELD = 7;
    private static final int TYPE_BITS = 3;
    private static final long ALIGNMENT = 64;
    /** Entries smaller than the alignment are put closer. */
    private static final long SMALL_ALIGNMENT = 8;

    /** For each entry: where its field starts, where its bytes start, how many they are. */
    private long[] entries = new long[3];
    private int count;

    private RawContents() {
    }

    /**
     * What a message is made of.
     *
     * @param head all other fields, in their order
     * @param contents the raw contents
     */
    record Divided(MemorySegment head, List<MemorySegment> contents) {
    }

    /** Divides a message. */
    static Divided take(MessageParts message, SegmentAllocator allocator) {
        RawContents raw = new RawContents();
        raw.find(message);
        return raw.copy(message, allocator);
    }

    private void find(MessageParts message) {
        while (message.position() < message.byteSize()) {
            long start = message.position();
            long tag = message.varint();
            long field = tag >>> TYPE_BITS;
            int type = (int) tag & ((1 << TYPE_BITS) - 1);
            if (field == FIELD && type != WireReader.LENGTH_DELIMITED) {
                throw new MalformedMessageException("field " + FIELD + " has wire type " + type + ", expected "
                        + WireReader.LENGTH_DELIMITED);
            }
            switch (type) {
                case WireReader.VARINT -> message.varint();
                case WireReader.FIXED64 -> message.skip(Long.BYTES);
                case WireReader.FIXED32 -> message.skip(Integer.BYTES);
                case WireReader.LENGTH_DELIMITED -> skipData(message, field, start);
                default -> throw WireReader.unknownType(field, type);
            }
        }
    }

    private void skipData(MessageParts message, long field, long start) {
        long length = message.varint();
        if (length < 0 || length > message.byteSize() - message.position()) {
            throw new MalformedMessageException("field " + Long.toUnsignedString(field) + " has length "
                    + Long.toUnsignedString(length) + ", but only " + (message.byteSize() - message.position())
                    + " bytes follow");
        }
        if (field == FIELD) {
            add(start, message.position(), length);
        }
        message.skip(length);
    }

    private void add(long start, long data, long length) {
        InferMessageReader.bound(count, InferMessageReader.MAX_TENSORS, "raw contents");
        if (count * 3 == entries.length) {
            entries = Arrays.copyOf(entries, entries.length * 2);
        }
        entries[count * 3] = start;
        entries[count * 3 + 1] = data;
        entries[count * 3 + 2] = length;
        count++;
    }

    private Divided copy(MessageParts message, SegmentAllocator allocator) {
        long room = 0;
        long headSize = message.byteSize();
        for (int i = 0; i < count; i++) {
            long length = entries[i * 3 + 2];
            room = aligned(room, length) + length;
            headSize -= entries[i * 3 + 1] + length - entries[i * 3];
        }
        MemorySegment all = allocator.allocate(room + headSize, ALIGNMENT);
        List<MemorySegment> contents = new ArrayList<>(count);
        message.rewind();
        long head = room;
        long at = 0;
        for (int i = 0; i < count; i++) {
            long before = entries[i * 3] - message.position();
            message.copy(before, all, head);
            head += before;
            message.skip(entries[i * 3 + 1] - entries[i * 3]);
            long length = entries[i * 3 + 2];
            at = aligned(at, length);
            message.copy(length, all, at);
            contents.add(all.asSlice(at, length));
            at += length;
        }
        message.copy(message.byteSize() - message.position(), all, head);
        return new Divided(all.asSlice(room, headSize), contents);
    }

    private static long aligned(long offset, long length) {
        long alignment = length < ALIGNMENT ? SMALL_ALIGNMENT : ALIGNMENT;
        return (offset + alignment - 1) & -alignment;
    }
}
