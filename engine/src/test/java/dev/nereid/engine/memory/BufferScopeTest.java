package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class BufferScopeTest {
    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 20, 1 << 20);

    @Test
    void givesEverythingBackWhenItCloses() {
        try (BufferScope scope = new BufferScope(pool)) {
            MemorySegment first = scope.allocate(100, 1);
            MemorySegment second = scope.allocate(5000);
            scope.reserve(10_000);

            assertEquals(100, first.byteSize());
            assertEquals(5000, second.byteSize());
            assertEquals(1024 + 8192 + 10_000, pool.inUseBytes());
        }

        assertEquals(0, pool.inUseBytes());
    }

    @Test
    void closesABufferThatItTookOver() {
        BufferPool.Buffer buffer = pool.acquire(100);
        try (BufferScope scope = new BufferScope(pool)) {
            assertEquals(100, scope.adopt(buffer).byteSize());
        }

        assertEquals(0, pool.inUseBytes());
    }

    @Test
    void aRefusedReservationIsNotGivenBack() {
        try (BufferScope scope = new BufferScope(pool)) {
            scope.reserve(1 << 19);
            assertThrows(InferenceException.class, () -> scope.reserve(1 << 20));
            assertThrows(InferenceException.class, () -> scope.allocate(1 << 20));
            assertEquals(1 << 19, pool.inUseBytes());
        }

        assertEquals(0, pool.inUseBytes());
    }

    @Test
    void closingTwiceGivesBackOnce() {
        BufferScope scope = new BufferScope(pool);
        MemorySegment ignored = scope.allocate(2000);
        scope.reserve(50);
        scope.close();
        scope.close();

        assertEquals(0, pool.inUseBytes());
        assertEquals(2048, pool.freeBytes());
    }
}
