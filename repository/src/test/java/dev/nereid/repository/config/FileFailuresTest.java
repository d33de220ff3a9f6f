package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileFailuresTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void saysWhatTheExceptionOnlySaysByItsType() throws IOException {
        assertEquals("No such file or directory", FileFailures
                .reason(assertThrows(IOException.class, () -> Files.readString(directory.resolve("none")))));
        Files.createFile(directory.resolve("file"));
        assertEquals("File exists", FileFailures
                .reason(assertThrows(IOException.class, () -> Files.createFile(directory.resolve("file")))));
        assertEquals("Directory not empty",
                FileFailures.reason(assertThrows(IOException.class, () -> Files.delete(directory))));
        assertEquals("Permission denied", FileFailures.reason(new AccessDeniedException("/models/m")));
        assertEquals("Permission denied",
                FileFailures.reason(new UncheckedIOException(new AccessDeniedException("/models/m"))));
    }

    @Test
    void takesTheOperatingSystemsOwnWords() {
        assertEquals("No space left on device",
                FileFailures.reason(new FileSystemException("/models/m", null, "No space left on device")));
        assertEquals("input/output error", FileFailures.reason(new IOException()));
    }

    @Test
    void saysWhatIsADirectory() {
        assertEquals("Is a directory", FileFailures.reason(directory,
                assertThrows(IOException.class, () -> Files.readString(directory))));
    }

    @Test
    void namesThePathWhereItIsKnown() {
        assertEquals("/models/m: Permission denied",
                FileFailures.pathAndReason(new AccessDeniedException("/models/m")));
    }
}
