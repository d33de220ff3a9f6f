package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class PagesTest {
    private static final long MIB = 1 << 20;
    private static final long SIZE = 256 * MIB;
    /** Where the system has larger ones, its list of pages can't be read with this. */
    private static final long PAGE = 4096;
    private static final Path PAGE_MAP = Path.of("/proc/self/pagemap");
    private static final long PAGES = SIZE / PAGE;
    private static final long IN_MEMORY_OR_SWAPPED = 1L << 63 | 1L << 62;

    @Test
    void givesClearedMemoryUntilItsArenaIsClosed() {
        MemorySegment memory;
        try (Arena arena = Arena.ofShared()) {
            memory = Pages.allocate(MIB, 64, arena);

            assertEquals(MIB, memory.byteSize());
            assertEquals(0, memory.address() % 64);
            assertEquals(-1, memory.mismatch(arena.allocate(MIB)));
            memory.fill((byte) 1);
        }
        assertFalse(memory.scope().isAlive());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void takesMemoryFromTheSystemOnceItIsWrittenAndGivesAllOfItBack() throws IOException {
        assumeTrue(Files.isReadable(PAGE_MAP), "this kernel does not tell which pages are there: " + PAGE_MAP);
        long address;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = Pages.allocate(SIZE, 64, arena);
            address = memory.address();
            assertTrue(pagesThere(address) < PAGES / 2, "nothing was written");

            for (long offset = 0; offset < SIZE; offset += PAGE) {
                memory.set(ValueLayout.JAVA_BYTE, offset, (byte) 1);
            }
            assertEquals(PAGES, pagesThere(address), "every page was written");
        }
        assertTrue(pagesThere(address) < PAGES / 2, "it was freed");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void tellsThatTheSystemHasNoneLeft() {
        try (Arena arena = Arena.ofShared()) {
            assertThrows(OutOfMemoryError.class, () -> Pages.allocate(Long.MAX_VALUE / 2, 64, arena));
        }
    }

    /**
     * Returns how many of the pages from {@code address} on the system keeps. What the whole process has in memory would not
     * tell: its heap may shrink meanwhile. The format is that of the kernel's {@code Documentation/admin-guide/mm/pagemap.rst}.
     */
    private static long pagesThere(long address) throws IOException {
        byte[] entries = new byte[Math.toIntExact(PAGES * Long.BYTES)];
        try (RandomAccessFile pages = new RandomAccessFile(PAGE_MAP.toFile(), "r")) {
            pages.seek(address / PAGE * Long.BYTES);
            pages.readFully(entries);
        }
        LongBuffer words = ByteBuffer.wrap(entries).order(ByteOrder.nativeOrder()).asLongBuffer();
        return LongStream.generate(words::get).limit(PAGES).filter(entry -> (entry & IN_MEMORY_OR_SWAPPED) != 0)
                .count();
    }
}
