package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class PagesTest {
    private static final long MIB = 1 << 20;
    private static final long SIZE = 256 * MIB;
    private static final long PAGE = 4096;

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
        long before = resident();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = Pages.allocate(SIZE, 64, arena);
            assertTrue(resident() - before < SIZE / 2, "nothing was written");

            for (long offset = 0; offset < SIZE; offset += PAGE) {
                memory.set(ValueLayout.JAVA_BYTE, offset, (byte) 1);
            }
            assertTrue(resident() - before > SIZE / 2, "every page was written");
        }
        assertTrue(resident() - before < SIZE / 2, "it was freed");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void tellsThatTheSystemHasNoneLeft() {
        try (Arena arena = Arena.ofShared()) {
            assertThrows(OutOfMemoryError.class, () -> Pages.allocate(Long.MAX_VALUE / 2, 64, arena));
        }
    }

    /** Returns the bytes of this process that are in memory. */
    private static long resident() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith("RssAnon:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10).findFirst().orElseThrow();
    }
}
