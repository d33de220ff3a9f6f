package dev.nereid.isolation.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SharedRegionTest {
    private static final long AREA = 1 << 20;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatOneSideWritesTheOtherReads(boolean asFile) throws IOException {
        try (SharedRegion server = SharedRegion.create(AREA, directory, asFile);
                SharedRegion worker = SharedRegion.open(server.path(), AREA)) {
            server.opened();
            server.inputs().set(ValueLayout.JAVA_LONG, AREA - 8, 4711);
            worker.outputs().set(ValueLayout.JAVA_LONG, 0, 815);
            server.cancelled(SharedRegion.FLAGS - 1, true);

            assertEquals(4711, worker.inputs().get(ValueLayout.JAVA_LONG, AREA - 8));
            assertEquals(815, server.outputs().get(ValueLayout.JAVA_LONG, 0));
            assertTrue(worker.isCancelled(SharedRegion.FLAGS - 1));
            assertFalse(worker.isCancelled(0));
            assertFalse(Files.exists(server.path()), "nobody else can open it");
        }
    }

    @Test
    void nobodyCanShrinkIt() throws IOException {
        try (SharedRegion region = SharedRegion.create(AREA, directory, false);
                FileChannel channel = FileChannel.open(region.path(), StandardOpenOption.WRITE)) {
            assertTrue(region.isSealed());
            long size = channel.size();
            assertThrows(IOException.class, () -> channel.truncate(0));
            assertEquals(size, channel.size());
            region.opened();
        }
    }

    @Test
    void aFileIsForThisUserOnly() throws IOException {
        try (SharedRegion region = SharedRegion.create(AREA, directory, true)) {
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(region.path())));
            region.opened();
        }
    }
}
