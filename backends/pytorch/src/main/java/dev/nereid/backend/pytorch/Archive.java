package dev.nereid.backend.pytorch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Reads the directory of a zip archive, and checks that everything in it lies where it should. */
final class Archive {
    /** What each entry, and so the archive, begins with. */
    static final int LOCAL_HEADER = 0x04034b50;

    private static final int DIRECTORY_ENTRY = 0x02014b50;
    private static final int END_OF_DIRECTORY = 0x06054b50;
    private static final int END_OF_DIRECTORY_64 = 0x06064b50;
    private static final int LOCATOR_64 = 0x07064b50;
    private static final int LOCAL_HEADER_SIZE = 30;
    private static final int ENTRY_SIZE = 46;
    private static final int END_SIZE = 22;
    private static final int END_64_SIZE = 56;
    private static final int LOCATOR_64_SIZE = 20;
    private static final int LONGEST_COMMENT = 0xFFFF;
    private static final int DEFLATED = 8;

    /** That of deflate, rounded up. */
    private static final long LARGEST_RATIO = 1040;

    /** Only source code and the like is compressed; weights are stored as they are. */
    private static final long LARGEST_EXPANDED = 1L << 30;

    private static final long SATURATED = 0xFFFFFFFFL;

    private final FileChannel file;
    private final long size;

    private Archive(FileChannel file, long size) {
        this.file = file;
        this.size = size;
    }

    /** An archive that is not what it should be. */
    static final class DamagedException extends IOException {
        private static final long serialVersionUID = 1;

        private final String what;

        private DamagedException(String what) {
            super(what);
            this.what = what;
        }

        String what() {
            return what;
        }
    }

    /**
     * An entry.
     *
     * @param name its name
     * @param headerOffset where it begins
     * @param compressedSize its bytes in the file
     * @param size its bytes once they are expanded
     * @param method how it is compressed
     */
    record Entry(String name, long headerOffset, long compressedSize, long size, int method) {
        boolean isStored() {
            return method == 0;
        }
    }

    private record Directory(long offset, long size, long entryCount) {
    }

    /**
     * Returns the entries.
     *
     * @throws DamagedException with what is wrong
     */
    static List<Entry> entries(FileChannel file) throws IOException {
        Archive archive = new Archive(file, file.size());
        return archive.entries(archive.directory());
    }

    /** Finds the directory of the archive, which lies at its end: a truncated file has none. */
    private Directory directory() throws IOException {
        int length = (int) Math.min(size, END_SIZE + LONGEST_COMMENT);
        long begin = size - length;
        ByteBuffer tail = read(begin, length);
        for (int at = length - END_SIZE; at >= 0; at--) {
            if (tail.getInt(at) == END_OF_DIRECTORY) {
                return checked(directoryAt(tail, at, begin + at), begin + at);
            }
        }
        throw damaged("the archive has no directory at its end: the file is truncated");
    }

    private Directory directoryAt(ByteBuffer tail, int at, long endOffset) throws IOException {
        long locatorOffset = endOffset - LOCATOR_64_SIZE;
        if (locatorOffset >= 0) {
            ByteBuffer locator = read(locatorOffset, LOCATOR_64_SIZE);
            if (locator.getInt(0) == LOCATOR_64) {
                long end64 = locator.getLong(8);
                if (end64 < 0 || end64 > locatorOffset - END_64_SIZE) {
                    throw damaged("the archive's directory lies outside the file: the file is truncated or damaged");
                }
                ByteBuffer record = read(end64, END_64_SIZE);
                if (record.getInt(0) == END_OF_DIRECTORY_64) {
                    return new Directory(record.getLong(48), record.getLong(40), record.getLong(32));
                }
            }
        }
        return new Directory(Integer.toUnsignedLong(tail.getInt(at + 16)), Integer.toUnsignedLong(tail.getInt(at + 12)),
                Short.toUnsignedLong(tail.getShort(at + 10)));
    }

    private static Directory checked(Directory directory, long endOffset) throws DamagedException {
        if (directory.offset() < 0 || directory.size() < 0 || directory.size() > Integer.MAX_VALUE
                || directory.offset() > endOffset || directory.size() > endOffset - directory.offset()
                || directory.entryCount() < 0 || directory.entryCount() > directory.size() / ENTRY_SIZE) {
            throw damaged("the archive's directory lies outside the file: the file is truncated or damaged");
        }
        return directory;
    }

    private List<Entry> entries(Directory directory) throws IOException {
        ByteBuffer bytes = read(directory.offset(), (int) directory.size());
        List<Entry> entries = new ArrayList<>();
        Set<String> names = new HashSet<>();
        long stored = 0;
        long expanded = 0;
        int at = 0;
        for (long i = 0; i < directory.entryCount(); i++) {
            if (at > bytes.limit() - ENTRY_SIZE || bytes.getInt(at) != DIRECTORY_ENTRY) {
                throw damaged("entry " + i + " of the archive's directory is damaged");
            }
            int nameLength = Short.toUnsignedInt(bytes.getShort(at + 28));
            int extraLength = Short.toUnsignedInt(bytes.getShort(at + 30));
            int commentLength = Short.toUnsignedInt(bytes.getShort(at + 32));
            int next = at + ENTRY_SIZE + nameLength + extraLength + commentLength;
            if (next > bytes.limit()) {
                throw damaged("entry " + i + " of the archive's directory is damaged");
            }
            byte[] name = new byte[nameLength];
            bytes.get(at + ENTRY_SIZE, name);
            Entry entry = entry(bytes, at, new String(name, StandardCharsets.UTF_8),
                    at + ENTRY_SIZE + nameLength, extraLength);
            checkWithin(entry, directory.offset());
            checkSize(entry);
            if (!names.add(entry.name())) {
                throw damaged("it has two entries '" + entry.name() + "'");
            }
            stored += entry.compressedSize();
            expanded += entry.isStored() ? 0 : entry.size();
            entries.add(entry);
            at = next;
        }
        if (stored > directory.offset()) {
            throw damaged("the archive's entries overlap");
        }
        if (expanded > LARGEST_EXPANDED) {
            throw damaged("the archive's compressed entries expand to " + expanded + " bytes, at most "
                    + LARGEST_EXPANDED + " are allowed");
        }
        return entries;
    }

    private static Entry entry(ByteBuffer bytes, int at, String name, int extraAt, int extraLength) {
        long compressed = Integer.toUnsignedLong(bytes.getInt(at + 20));
        long uncompressed = Integer.toUnsignedLong(bytes.getInt(at + 24));
        long offset = Integer.toUnsignedLong(bytes.getInt(at + 42));
        int field = extraAt;
        int end = extraAt + extraLength;
        while (field + 4 <= end) {
            int id = Short.toUnsignedInt(bytes.getShort(field));
            int length = Short.toUnsignedInt(bytes.getShort(field + 2));
            int value = field + 4;
            if (id == 1 && value + length <= end) {
                // Only what does not fit 32 bits is there, in this order.
                int last = value + length;
                if (uncompressed == SATURATED && value + Long.BYTES <= last) {
                    uncompressed = bytes.getLong(value);
                    value += Long.BYTES;
                }
                if (compressed == SATURATED && value + Long.BYTES <= last) {
                    compressed = bytes.getLong(value);
                    value += Long.BYTES;
                }
                if (offset == SATURATED && value + Long.BYTES <= last) {
                    offset = bytes.getLong(value);
                }
            }
            field += 4 + length;
        }
        return new Entry(name, offset, compressed, uncompressed,
                Short.toUnsignedInt(bytes.getShort(at + 10)));
    }

    private void checkWithin(Entry entry, long directoryOffset) throws IOException {
        boolean fits = entry.headerOffset() >= 0 && entry.compressedSize() >= 0
                && entry.headerOffset() <= directoryOffset - LOCAL_HEADER_SIZE;
        if (fits) {
            ByteBuffer header = read(entry.headerOffset(), LOCAL_HEADER_SIZE);
            long data = entry.headerOffset() + LOCAL_HEADER_SIZE + Short.toUnsignedInt(header.getShort(26))
                    + Short.toUnsignedInt(header.getShort(28));
            fits = header.getInt(0) == LOCAL_HEADER && data <= directoryOffset
                    && entry.compressedSize() <= directoryOffset - data;
            if (fits) {
                ByteBuffer name = read(entry.headerOffset() + LOCAL_HEADER_SIZE,
                        Short.toUnsignedInt(header.getShort(26)));
                if (!StandardCharsets.UTF_8.decode(name).toString().equals(entry.name())) {
                    throw damaged("entry '" + entry.name() + "' has another name where its content is");
                }
            }
        }
        if (!fits) {
            throw damaged("entry '" + entry.name() + "' lies outside the archive: the file is truncated or damaged");
        }
    }

    /** What is stored has one size; what is compressed can't have grown beyond what the method is able to. */
    private static void checkSize(Entry entry) throws DamagedException {
        boolean fits = entry.isStored()
                ? entry.size() == entry.compressedSize()
                : entry.method() == DEFLATED && entry.size() >= 0
                        && entry.size() / LARGEST_RATIO <= entry.compressedSize();
        if (!fits) {
            throw damaged("entry '" + entry.name() + "' declares " + Long.toUnsignedString(entry.size())
                    + " bytes, which its " + entry.compressedSize() + " bytes can't hold");
        }
        if (entry.name().startsWith("/") || List.of(entry.name().split("/", -1)).contains("..")) {
            throw damaged("entry '" + entry.name() + "' leads out of the archive");
        }
    }

    private ByteBuffer read(long offset, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (file.read(buffer, offset + buffer.position()) < 0) {
                throw damaged("the file is truncated");
            }
        }
        return buffer.flip();
    }

    private static DamagedException damaged(String what) {
        return new DamagedException(what);
    }
}
