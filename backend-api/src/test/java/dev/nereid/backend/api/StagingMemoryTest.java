package dev.nereid.backend.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.tensor.Placement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class StagingMemoryTest {
    @Test
    void plainMemoryIsAlignedAndSaysWhatItIs() {
        try (StagingMemory.Buffer buffer = StagingMemory.PLAIN.allocate(1000)) {
            assertEquals(1000, buffer.memory().byteSize());
            assertEquals(0, buffer.memory().address() % StagingMemory.Buffer.ALIGNMENT);
            assertEquals(Placement.CPU, buffer.placement());
            assertFalse(buffer.isPinned());
        }
    }

    @Test
    void plainMemoryIsGoneAfterClose() {
        MemorySegment memory;
        try (StagingMemory.Buffer buffer = StagingMemory.PLAIN.allocate(8)) {
            memory = buffer.memory();
        }

        assertThrows(IllegalStateException.class, () -> memory.get(ValueLayout.JAVA_BYTE, 0));
    }
}
