package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LibraryCacheTest {
    @TempDir
    Path directory;

    @Test
    void tellsThatNothingInItMayBeRun() {
        assertEquals(
                Optional.of("the directory that they are unpacked into is mounted with noexec, so nothing in it can be"
                        + " run as code; NEREID_CACHE_DIR names another"),
                LibraryCache.obstacle(directory, directory::equals));
    }

    @Test
    void tellsThatItCanNotBeWrittenTo() {
        assertEquals(Optional.of("the directory that they are unpacked into can't be written to; NEREID_CACHE_DIR names"
                + " another"), LibraryCache.obstacle(directory.resolve("absent"), _ -> false));
    }

    @Test
    void isNoObstacleOtherwise() {
        assertEquals(Optional.empty(), LibraryCache.obstacle(directory, _ -> false));
    }
}
