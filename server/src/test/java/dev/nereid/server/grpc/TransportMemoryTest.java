package dev.nereid.server.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.HeapBudget;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class TransportMemoryTest {
    private final HeapBudget heap = new HeapBudget(100);
    @AutoClose
    private final BufferPool buffers = new BufferPool(10_000, 0, heap);
    private final TransportMemory memory = TransportMemory.create(buffers);

    @Test
    void messagesAreInFlightButNotOnTheHeap() {
        memory.reserve(9_000);

        assertEquals(9_000, memory.held());
        assertEquals(9_000, buffers.inUseBytes());
        assertEquals(0, heap.inUseBytes());

        memory.release(9_000);
        assertEquals(0, memory.held());
        assertEquals(0, buffers.inUseBytes());
        assertEquals(0, heap.inUseBytes());
    }

    @Test
    void whatPassesTheBoundOnBytesInFlightIsNotCounted() {
        memory.reserve(9_000);

        InferenceException failure = assertThrows(InferenceException.class, () -> memory.reserve(1_001));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals(9_000, memory.held());
        assertEquals(9_000, buffers.inUseBytes());
    }
}
