package dev.nereid.isolation.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EndingTest {
    @TempDir
    private Path directory;

    private String text(int status) {
        return Ending.of(status, directory.resolve("none")).text();
    }

    @Test
    void aStatusIsAnEndIfItIsNoSignal() {
        assertEquals("exited with status 0", text(0));
        assertEquals("exited with status 7", text(7));
        assertEquals("ran out of memory on its heap", text(3));
        assertEquals("ended with SIGABRT", text(134));
        assertEquals("ended with SIGSEGV", text(139));
        assertEquals("ended with SIGKILL, as the system does where memory runs out", text(137));
        assertEquals("exited with status 200", text(200));
    }

    @Test
    void aReportNamesTheSignal() throws IOException {
        Path report = directory.resolve("report");
        Files.writeString(report, """
                #
                # A fatal error has been detected by the Java Runtime Environment:
                #
                #  SIGBUS (0x7) at pc=0x00007f, pid=1, tid=2
                """);
        assertEquals(new Ending("ended with SIGBUS", Optional.of(report)), Ending.of(1, report));
        Files.writeString(report, "# nothing of use");
        assertEquals(new Ending("exited with status 1", Optional.of(report)), Ending.of(1, report));
    }
}
