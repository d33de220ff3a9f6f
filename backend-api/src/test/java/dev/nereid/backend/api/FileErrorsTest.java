package dev.nereid.backend.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileErrorsTest {
    @TempDir
    Path directory;

    /** The JDK's message is the path alone. */
    @Test
    void tellsThatPermissionsAreMissing() {
        assertEquals("Permission denied", FileErrors.reason(new AccessDeniedException("/models/m/1/model.pt")));
    }

    @Test
    void tellsTheSystemsReasonWithoutThePath() {
        assertEquals("No space left on device",
                FileErrors.reason(new FileSystemException("/tmp/x", null, "No space left on device")));
        assertEquals("No such file or directory", FileErrors.reason(new NoSuchFileException("/tmp/x")));
        assertEquals("input/output error", FileErrors.reason(new FileSystemException("/tmp/x")));
        assertEquals("Stale file handle", FileErrors.reason(new IOException("Stale file handle")));
        assertEquals("input/output error", FileErrors.reason(new IOException()));
    }

    @Test
    void findsWhatKeepsAFileFromBeingSeen() throws IOException {
        Path loop = directory.resolve("loop");
        Files.createSymbolicLink(loop, loop);

        assertTrue(
                FileErrors.obstacle(loop.resolve("model.pt")).orElseThrow().startsWith("Too many levels of symbolic"));
        assertEquals(Optional.empty(), FileErrors.obstacle(directory));
        assertEquals(Optional.empty(), FileErrors.obstacle(directory.resolve("absent/model.pt")));
    }

    @ParameterizedTest
    @CsvSource({"/tmp/a,true", "/tmp,true", "/tmpdir/a,false", "/tmp/run/a,false", "/home/a,false", "/a b/c,true",
        "/over/a,false"})
    void findsOutWhatAMountForbids(String path, boolean forbids) {
        String mounts = """
                overlay / overlay rw,relatime 0 0
                tmpfs /tmp tmpfs rw,nosuid,noexec,relatime 0 0
                tmpfs /tmp/run tmpfs rw,relatime 0 0
                tmpfs /a\\040b tmpfs noexec 0 0
                tmpfs /over tmpfs rw,noexec 0 0
                tmpfs /over tmpfs rw,noexecutive 0 0
                """;

        assertEquals(forbids, FileErrors.forbidsExecution(Path.of(path), mounts));
    }

    @Test
    void findsThatTestsMayExecuteWhatTheyWrite() {
        assertFalse(FileErrors.forbidsExecution(directory.resolve("absent")));
    }
}
