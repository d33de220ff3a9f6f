package dev.nereid.server.grpc.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The typed elements of a tensor, each list as little-endian memory of its own. For one thread; the memory lives as long
 * as the message.
 */
public final class TensorContents {
    private static final long ALIGNMENT = 64;
    private static final List<ContentList> LISTS = List.of(ContentList.values());
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final SegmentAllocator allocator;
    private final Map<ContentList, Elements> lists = new EnumMap<>(ContentList.class);

    TensorContents(SegmentAllocator allocator) {
        this.allocator = allocator;
    }

    /** Returns the elements of that list; empty where there are none. The caller may write into them. */
    public MemorySegment elements(ContentList list) {
        Elements elements = lists.get(list);
        return elements == null ? MemorySegment.NULL : elements.memory.asSlice(0, elements.size);
    }

    /** Reads the fields of the message that the reader has entered; what was read before stays. */
    void read(WireReader reader) {
        for (int field = reader.nextField(); field != 0; field = reader.nextField()) {
            if (field > LISTS.size()) {
                reader.skip();
                continue;
            }
            ContentList list = LISTS.get(field - 1);
            Elements elements = lists.computeIfAbsent(list, _ -> new Elements());
            if (list == ContentList.BYTES) {
                append(elements, reader.readBytes());
            } else if (reader.type() != WireReader.LENGTH_DELIMITED) {
                readOne(reader, list, elements);
            } else if (list.isFixed()) {
                appendPacked(reader.readBytes(), list, elements);
            } else {
                readPacked(reader, list, elements);
            }
        }
    }

    private void appendPacked(MemorySegment packed, ContentList list, Elements elements) {
        long bytes = packed.byteSize();
        if (bytes % list.elementBytes() != 0) {
            throw new MalformedMessageException("a packed list of numbers of " + list.elementBytes() + " bytes has "
                    + bytes + " bytes");
        }
        long offset = elements.size;
        elements.extend(bytes, true);
        MemorySegment.copy(packed, 0, elements.memory, offset, bytes);
    }

    private void readPacked(WireReader reader, ContentList list, Elements elements) {
        long outer = reader.enter();
        // Each integer has one byte without the highest bit: its last.
        long count = 0;
        for (long i = reader.position(), end = i + reader.remaining(); i < end; i++) {
            count += reader.memory().get(ValueLayout.JAVA_BYTE, i) >= 0 ? 1 : 0;
        }
        long offset = elements.size;
        elements.extend(count * list.elementBytes(), true);
        for (long i = 0; i < count; i++) {
            put(elements.memory, list, offset + i * list.elementBytes(), reader.varint());
        }
        if (reader.remaining() > 0) {
            throw new MalformedMessageException("a packed list ends inside a number");
        }
        reader.leave(outer);
    }

    private static void readOne(WireReader reader, ContentList list, Elements elements) {
        long offset = elements.size;
        switch (list) {
            case FP32 -> {
                int bits = reader.readFixed32();
                elements.extend(Integer.BYTES, false).set(INT, offset, bits);
            }
            case FP64 -> {
                long bits = reader.readFixed64();
                elements.extend(Long.BYTES, false).set(LONG, offset, bits);
            }
            default -> {
                long value = reader.readVarint();
                put(elements.extend(list.elementBytes(), false), list, offset, value);
            }
        }
    }

    private static void put(MemorySegment target, ContentList list, long offset, long value) {
        switch (list.elementBytes()) {
            case 1 -> target.set(ValueLayout.JAVA_BYTE, offset, (byte) (value != 0 ? 1 : 0));
            case Integer.BYTES -> target.set(INT, offset, (int) value);
            default -> target.set(LONG, offset, value);
        }
    }

    private static void append(Elements elements, MemorySegment element) {
        long length = element.byteSize();
        long offset = elements.size;
        MemorySegment target = elements.extend(Integer.BYTES + length, false);
        target.set(INT, offset, (int) length);
        MemorySegment.copy(element, 0, target, offset + Integer.BYTES, length);
    }

    /** The elements of one list. */
    private final class Elements {
        private MemorySegment memory = MemorySegment.NULL;
        private long size;

        /**
         * Makes room for more and returns the memory.
         *
         * @param isWhole whether nothing is likely to follow, as behind a packed list
         */
        private MemorySegment extend(long bytes, boolean isWhole) {
            long needed = size + bytes;
            if (needed > memory.byteSize()) {
                boolean isExact = isWhole && size == 0;
                MemorySegment larger = allocator.allocate(isExact ? needed : Math.max(64, needed * 2), ALIGNMENT);
                MemorySegment.copy(memory, 0, larger, 0, size);
                memory = larger;
            }
            size = needed;
            return memory;
        }
    }
}
