package dev.nereid.engine.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.StagingMemory.Buffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class PinnedMemoryPoolTest {
    @AutoClose
    private final Arena arena = Arena.ofShared();

    private final PinnedMemoryPool pool = new PinnedMemoryPool(arena.allocate(4096, 256));

    @Test
    void givesPinnedMemoryUntilItIsUsedUp() {
        Buffer first = pool.allocate(3000);
        Buffer second = pool.allocate(2000);
        Buffer third = pool.allocate(1000);

        assertTrue(first.isPinned());
        assertFalse(second.isPinned(), "it does not fit");
        assertTrue(third.isPinned());
        assertEquals(2000, second.memory().byteSize());
        assertEquals(4096, pool.usedBytes());
        assertEquals(4096, pool.totalBytes());
        first.close();
        second.close();
        third.close();
        assertEquals(0, pool.usedBytes());
    }

    @Test
    void givesABufferBackOnce() {
        Buffer buffer = pool.allocate(100);
        Buffer other = pool.allocate(100);
        buffer.close();
        buffer.close();

        assertEquals(256, pool.usedBytes());
        other.close();
    }

    @Test
    void hasPlainMemoryOnlyWithoutABlock() {
        PinnedMemoryPool none = new PinnedMemoryPool(MemorySegment.NULL);

        try (Buffer buffer = none.allocate(10); Buffer empty = none.allocate(0)) {
            assertFalse(buffer.isPinned());
            assertEquals(0, empty.memory().byteSize());
        }
        assertEquals(0, none.totalBytes());
    }

    @Test
    void joinsWhatIsGivenBackAndOverlapsNothing() {
        Random random = new Random(7);
        List<Buffer> held = new ArrayList<>();

        for (int i = 0; i < 5000; i++) {
            if (held.size() > 6 || (!held.isEmpty() && random.nextBoolean())) {
                held.remove(random.nextInt(held.size())).close();
            } else {
                held.add(pool.allocate(random.nextInt(1200)));
            }
            List<Buffer> pinned = held.stream().filter(Buffer::isPinned).toList();
            for (int one = 0; one < pinned.size(); one++) {
                for (int other = 0; other < one; other++) {
                    assertTrue(pinned.get(one).memory().asOverlappingSlice(pinned.get(other).memory()).isEmpty(),
                            "two buffers overlap");
                }
            }
        }
        held.forEach(Buffer::close);

        assertEquals(0, pool.usedBytes());
        try (Buffer whole = pool.allocate(4096)) {
            assertTrue(whole.isPinned());
        }
    }
}
