package dev.nereid.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class FileDescriptorsTest {
    @Test
    void leaveRoomForAllConnectionsWhereTheyAreMany() {
        FileDescriptors many = new FileDescriptors(1 << 20, 100);

        assertEquals(10_000, many.connections());
        assertEquals(256, many.metricsConnections());
        assertTrue(many.areEnough());
    }

    @Test
    void areNotAllForConnections() {
        FileDescriptors few = new FileDescriptors(200, 50);

        assertEquals(12, few.metricsConnections());
        assertEquals(200 - 50 - 64 - 12, few.connections());
        assertTrue(few.areEnough());
    }

    @Test
    void mayBeTooFewForAServer() {
        assertFalse(new FileDescriptors(130, 50).areEnough());
        assertEquals(0, new FileDescriptors(100, 50).connections());
    }

    @Test
    void areKnownForThisProcess() {
        FileDescriptors now = FileDescriptors.now();

        assertTrue(now.open() > 0);
        assertTrue(now.limit() > now.open());
    }

    @Test
    void sayHowManyAreWanted() {
        FileDescriptors few = new FileDescriptors(200, 50);

        assertEquals(10_000, new FileDescriptors(few.wanted(), 50).connections());
    }
}
