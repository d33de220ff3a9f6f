package dev.nereid.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
    private static final long MIB = 1 << 20;

    @Test
    void requestsGetHalfOfWhatIsBesideTheHeapAndTheProcessItself() {
        assertEquals(192 * MIB, new ProcessMemory(1024 * MIB, 256 * MIB).inFlightBytes());
        assertEquals(64 * MIB, new ProcessMemory(512 * MIB, 128 * MIB).inFlightBytes(), "enough to serve at all");
    }

    @Test
    void connectionsGetHalfOfTheHeap() {
        assertTrue(new ProcessMemory(8192 * MIB, 1280 * MIB).connections() >= 10_000);
        assertEquals(640, new ProcessMemory(320 * MIB, 80 * MIB).connections());
    }

    @Test
    void saysWhatThereIs() {
        assertEquals("2.5 GiB; Java heap up to 640 MiB, requests and responses up to 768 MiB",
                new ProcessMemory(2560 * MIB, 640 * MIB).text(768 * MIB));
    }

    @Test
    void knowsItsOwn() {
        ProcessMemory own = ProcessMemory.now();

        assertEquals(Runtime.getRuntime().maxMemory(), own.heapBytes());
        assertTrue(own.totalBytes() >= own.heapBytes(), own::toString);
    }
}
