package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Checks a TorchScript file before native code sees it: libtorch trusts its input, and a damaged file can end the
 * process. The file is a zip archive with pickled data, source code, and the bytes of tensors.
 */
final class ModelFile {
    private static final int LOCAL_HEADER = 0x04034b50;
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
    private static final long SATURATED = 0xFFFFFFFFL;

    private final String model;
    private final Path path;

    private ModelFile(String model, Path path) {
        this.model = model;
        this.path = path;
    }

    /**
     * Returns the path of the model's file.
     *
     * @throws InferenceException UNAVAILABLE when it is not there
     */
    static Path locate(String model, Path versionDirectory, String configuredName) {
        String name = configuredName.isEmpty() ? "model.pt" : configuredName;
        Path path = versionDirectory.resolve(name).normalize();
        if (!path.startsWith(versionDirectory.normalize()) || !Files.exists(path)) {
            throw InferenceException.unavailable("unable to find '" + path + "' for model instance '" + model + "'");
        }
        return path;
    }

    /**
     * Checks the file.
     *
     * @throws InferenceException INTERNAL with what is wrong
     */
    static void check(String model, Path path) {
        new ModelFile(model, path).check();
    }

    private record Entry(String name, long headerOffset, long compressedSize) {
    }

    private record Directory(long offset, long size, long entryCount) {
    }

    private void check() {
        if (Files.isDirectory(path)) {
            throw broken("it is a directory, expected a file");
        }
        try (FileChannel file = FileChannel.open(path)) {
            long size = file.size();
            checkStart(file, size);
            List<Entry> entries = entries(file, directory(file, size));
            checkContent(entries);
        } catch (IOException e) {
            throw broken("it can't be read: " + e.getMessage());
        }
        checkSums();
    }

    private void checkStart(FileChannel file, long size) throws IOException {
        if (size == 0) {
            throw broken("the file is empty");
        }
        ByteBuffer start = read(file, 0, (int) Math.min(512, size));
        if (size >= Integer.BYTES && start.getInt(0) == LOCAL_HEADER) {
            return;
        }
        if (start.get(0) == (byte) 0x80) {
            throw broken("it is a bare pickle, not TorchScript; save the model with torch.jit.save");
        }
        throw broken(isText(start)
                ? "it is a text file, expected a TorchScript archive"
                : "it is no zip archive, expected one made by torch.jit.save");
    }

    private static boolean isText(ByteBuffer bytes) {
        for (int i = 0; i < bytes.limit(); i++) {
            byte value = bytes.get(i);
            if (value >= 0 && value < ' ' && value != '\n' && value != '\r' && value != '\t') {
                return false;
            }
        }
        return true;
    }

    /** Finds the directory of the archive, which lies at its end: a truncated file has none. */
    private Directory directory(FileChannel file, long size) throws IOException {
        int length = (int) Math.min(size, END_SIZE + LONGEST_COMMENT);
        long begin = size - length;
        ByteBuffer tail = read(file, begin, length);
        for (int at = length - END_SIZE; at >= 0; at--) {
            if (tail.getInt(at) == END_OF_DIRECTORY) {
                return checked(directoryAt(file, tail, at, begin + at), begin + at);
            }
        }
        throw broken("the archive has no directory at its end: the file is truncated");
    }

    private Directory directoryAt(FileChannel file, ByteBuffer tail, int at, long endOffset) throws IOException {
        long locatorOffset = endOffset - LOCATOR_64_SIZE;
        if (locatorOffset >= 0) {
            ByteBuffer locator = read(file, locatorOffset, LOCATOR_64_SIZE);
            if (locator.getInt(0) == LOCATOR_64) {
                long end64 = locator.getLong(8);
                if (end64 < 0 || end64 > locatorOffset - END_64_SIZE) {
                    throw broken("the archive's directory lies outside the file: the file is truncated or damaged");
                }
                ByteBuffer record = read(file, end64, END_64_SIZE);
                if (record.getInt(0) == END_OF_DIRECTORY_64) {
                    return new Directory(record.getLong(48), record.getLong(40), record.getLong(32));
                }
            }
        }
        return new Directory(Integer.toUnsignedLong(tail.getInt(at + 16)), Integer.toUnsignedLong(tail.getInt(at + 12)),
                Short.toUnsignedLong(tail.getShort(at + 10)));
    }

    private Directory checked(Directory directory, long endOffset) {
        if (directory.offset() < 0 || directory.size() < 0 || directory.size() > Integer.MAX_VALUE
                || directory.offset() > endOffset || directory.size() > endOffset - directory.offset()
                || directory.entryCount() < 0 || directory.entryCount() > directory.size() / ENTRY_SIZE) {
            throw broken("the archive's directory lies outside the file: the file is truncated or damaged");
        }
        return directory;
    }

    private List<Entry> entries(FileChannel file, Directory directory) throws IOException {
        ByteBuffer bytes = read(file, directory.offset(), (int) directory.size());
        List<Entry> entries = new ArrayList<>();
        int at = 0;
        for (long i = 0; i < directory.entryCount(); i++) {
            if (at > bytes.limit() - ENTRY_SIZE || bytes.getInt(at) != DIRECTORY_ENTRY) {
                throw broken("entry " + i + " of the archive's directory is damaged");
            }
            int nameLength = Short.toUnsignedInt(bytes.getShort(at + 28));
            int extraLength = Short.toUnsignedInt(bytes.getShort(at + 30));
            int commentLength = Short.toUnsignedInt(bytes.getShort(at + 32));
            int next = at + ENTRY_SIZE + nameLength + extraLength + commentLength;
            if (next > bytes.limit()) {
                throw broken("entry " + i + " of the archive's directory is damaged");
            }
            byte[] name = new byte[nameLength];
            bytes.get(at + ENTRY_SIZE, name);
            Entry entry = entry(bytes, at, new String(name, StandardCharsets.UTF_8),
                    at + ENTRY_SIZE + nameLength, extraLength);
            checkWithin(file, entry, directory.offset());
            entries.add(entry);
            at = next;
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
        return new Entry(name, offset, compressed);
    }

    private void checkWithin(FileChannel file, Entry entry, long directoryOffset) throws IOException {
        boolean fits = entry.headerOffset() >= 0 && entry.compressedSize() >= 0
                && entry.headerOffset() <= directoryOffset - LOCAL_HEADER_SIZE;
        if (fits) {
            ByteBuffer header = read(file, entry.headerOffset(), LOCAL_HEADER_SIZE);
            long data = entry.headerOffset() + LOCAL_HEADER_SIZE + Short.toUnsignedInt(header.getShort(26))
                    + Short.toUnsignedInt(header.getShort(28));
            fits = header.getInt(0) == LOCAL_HEADER && data <= directoryOffset
                    && entry.compressedSize() <= directoryOffset - data;
        }
        if (!fits) {
            throw broken("entry '" + entry.name() + "' lies outside the archive: the file is truncated or damaged");
        }
    }

    private void checkContent(List<Entry> entries) {
        boolean hasData = holds(entries, "/data.pkl");
        boolean hasConstants = holds(entries, "/constants.pkl");
        boolean hasCode = entries.stream().anyMatch(entry -> entry.name().contains("/code/"));
        if (hasData && hasConstants && hasCode) {
            return;
        }
        if (holds(entries, "/archive_format") || entries.stream().anyMatch(entry -> entry.name().endsWith(".so"))) {
            throw broken("it is a package of torch.export, expected TorchScript made by torch.jit.save");
        }
        if (hasData && !hasCode) {
            throw broken("it holds weights but no code: it was written by torch.save, expected torch.jit.save");
        }
        throw broken("the archive lacks " + (hasData ? "" : "data.pkl ") + (hasConstants ? "" : "constants.pkl ")
                + (hasCode ? "" : "code/ ") + "and is no TorchScript archive");
    }

    private static boolean holds(List<Entry> entries, String ending) {
        return entries.stream().anyMatch(
                entry -> entry.name().endsWith(ending) && entry.name().indexOf('/') == entry.name().lastIndexOf('/'));
    }

    /** Compares the checksums of what native code interprets: pickles and source. The tensors' bytes are only data. */
    private void checkSums() {
        byte[] buffer = new byte[8192];
        try (ZipFile zip = new ZipFile(path.toFile())) {
            for (ZipEntry entry : (Iterable<ZipEntry>) zip.stream().map(ZipEntry.class::cast)::iterator) {
                if (entry.getName().endsWith(".pkl") || entry.getName().contains("/code/")) {
                    CRC32 sum = new CRC32();
                    try (InputStream content = zip.getInputStream(entry)) {
                        for (int read = content.read(buffer); read >= 0; read = content.read(buffer)) {
                            sum.update(buffer, 0, read);
                        }
                    }
                    if (sum.getValue() != entry.getCrc()) {
                        throw broken("entry '" + entry.getName() + "' is damaged: its checksum is wrong");
                    }
                }
            }
        } catch (IOException e) {
            throw broken("the archive is damaged: " + e.getMessage());
        }
    }

    private ByteBuffer read(FileChannel file, long offset, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (file.read(buffer, offset + buffer.position()) < 0) {
                throw broken("the file is truncated");
            }
        }
        return buffer.flip();
    }

    private InferenceException broken(String what) {
        return InferenceException.internal("failed to load model '" + model + "': " + what);
    }
}
