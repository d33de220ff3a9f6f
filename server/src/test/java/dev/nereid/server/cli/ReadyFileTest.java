package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.StartException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadyFileTest {
    @TempDir
    private Path directory;

    private Path path() {
        return directory.resolve("ready");
    }

    private ReadyFile file() {
        return new ReadyFile(Optional.of(path()));
    }

    @Test
    void tellsTheProcessAndThePortsThatAreOpen() {
        assertEquals("pid=7\nhttp=8000\ngrpc=8001\nmetrics=8002\nconsole=8003\n",
                ReadyFile.content(7, 8000, 8001, 8002, 8003));
        assertEquals("pid=7\nmetrics=8002\n", ReadyFile.content(7, -1, -1, 8002, -1));
        assertEquals("pid=7\nhttp=8000\n", ReadyFile.content(7, 8000, -1, -1, -1));
    }

    @Test
    void isThereBetweenStartAndEndAndNothingBesideIt() throws IOException {
        ReadyFile file = file();

        file.write("pid=1\n");
        try (Stream<Path> all = Files.list(directory)) {
            assertEquals(List.of(path()), all.toList());
        }
        assertEquals("pid=1\n", Files.readString(path()));
        file.remove();

        assertFalse(Files.exists(path()));
    }

    @Test
    void whatAnEarlierServerLeftIsDeletedBeforeTheStart() throws IOException {
        Files.writeString(path(), "pid=1\n");

        file().clear();

        assertFalse(Files.exists(path()));
    }

    @Test
    void theFileOfAServerThatCameLaterStays() throws IOException {
        ReadyFile file = file();
        file.write("pid=1\n");
        file().write("pid=2\n");

        file.remove();

        assertEquals("pid=2\n", Files.readString(path()));
    }

    @Test
    void isNotWrittenOnceTheEndHasBegun() {
        ReadyFile file = file();
        file.remove();

        file.write("pid=1\n");

        assertFalse(Files.exists(path()));
    }

    @Test
    void saysWhyItCannotBeWritten() {
        ReadyFile file = new ReadyFile(Optional.of(directory.resolve("nowhere").resolve("ready")));

        String text = String.valueOf(assertThrows(StartException.class, () -> file.write("pid=1\n")).getMessage());

        assertTrue(text.contains("nowhere") && text.contains("--ready-file"), text);
    }

    @Test
    void withoutAPathThereIsNone() throws IOException {
        ReadyFile none = new ReadyFile(Optional.empty());

        none.clear();
        none.write("pid=1\n");
        none.remove();

        try (Stream<Path> all = Files.list(directory)) {
            assertEquals(0, all.count());
        }
    }
}
