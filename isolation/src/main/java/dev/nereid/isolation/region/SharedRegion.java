package dev.nereid.isolation.region;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Memory that the server and one worker process share: a byte for each request that says whether it is cancelled, an area
 * that the server writes inputs into, and one that the worker writes outputs into.
 *
 * <p>It is memory without a name, which the worker opens through the server's entry in {@code /proc} and nobody can shrink;
 * where that can't be had, a file that only this user can open. It takes pages only where something was written.
 *
 * <p>Threads: any. Closed when nobody uses it any more.
 */
public final class SharedRegion implements AutoCloseable {
    /** How many requests can be in the worker at a time. */
    public static final int FLAGS = 1 << 16;

    private final Arena arena = Arena.ofShared();
    private final Path path;
    private final int descriptor;
    private final MemorySegment flags;
    private final MemorySegment inputs;
    private final MemorySegment outputs;

    @SuppressWarnings("MustBeClosedChecker") // close() closes it
    private SharedRegion(Path open, Path path, int descriptor, long areaBytes) throws IOException {
        this.path = path;
        this.descriptor = descriptor;
        try (FileChannel channel = FileChannel.open(open, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment all = channel.map(MapMode.READ_WRITE, 0, byteSize(areaBytes), arena);
            flags = all.asSlice(0, FLAGS);
            inputs = all.asSlice(FLAGS, areaBytes);
            outputs = all.asSlice(FLAGS + areaBytes, areaBytes);
        } catch (IOException | RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    private static long byteSize(long areaBytes) {
        return FLAGS + 2 * areaBytes;
    }

    /**
     * Makes a region.
     *
     * @param areaBytes the size of each area, a multiple of the size of a page
     * @param directory where a file may go that only this user can see
     * @param asFile whether it is to be a file in any case
     */
    public static SharedRegion create(long areaBytes, Path directory, boolean asFile) throws IOException {
        int descriptor = asFile ? -1 : Libc.sealedMemory(byteSize(areaBytes)).orElse(-1);
        if (descriptor >= 0) {
            try {
                return new SharedRegion(Path.of("/proc/self/fd/" + descriptor),
                        Path.of("/proc/" + ProcessHandle.current().pid() + "/fd/" + descriptor), descriptor,
                        areaBytes);
            } catch (IOException | RuntimeException | Error e) {
                Libc.close(descriptor);
                throw e;
            }
        }
        Path file = Files.createTempFile(directory, "region-", "",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                int ignored = channel.write(java.nio.ByteBuffer.allocate(1), byteSize(areaBytes) - 1);
            }
            return new SharedRegion(file, file, -1, areaBytes);
        } catch (IOException | RuntimeException | Error e) {
            boolean ignored = Files.deleteIfExists(file);
            throw e;
        }
    }

    /** Opens a region that the server has made. */
    public static SharedRegion open(Path path, long areaBytes) throws IOException {
        return new SharedRegion(path, path, -1, areaBytes);
    }

    /** Returns where the other process finds it. */
    public Path path() {
        return path;
    }

    /** Notes that the other process has opened it, and nobody else needs to. Called once, by who made it. */
    public void opened() throws IOException {
        if (descriptor >= 0) {
            Libc.close(descriptor);
        } else {
            boolean ignored = Files.deleteIfExists(path);
        }
    }

    /** Returns whether the memory is without a name and sealed. */
    public boolean isSealed() {
        return descriptor >= 0;
    }

    /** Returns the area for inputs, which the server writes. */
    public MemorySegment inputs() {
        return inputs;
    }

    /** Returns the area for outputs, which the worker writes. */
    public MemorySegment outputs() {
        return outputs;
    }

    /** Says whether a request is cancelled. */
    public void cancelled(int flag, boolean value) {
        flags.set(ValueLayout.JAVA_BYTE, flag, (byte) (value ? 1 : 0));
    }

    /** Returns whether a request is cancelled. */
    public boolean isCancelled(int flag) {
        return flags.get(ValueLayout.JAVA_BYTE, flag) != 0;
    }

    /** Unmaps it. */
    @Override
    public void close() {
        arena.close();
    }
}
