package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.v2.LogOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.Logger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

@Isolated("logging is the same for the whole process")
class LogSetupTest {
    private static final Pattern LINE = Pattern
            .compile("[IWE]\\d{4} \\d\\d:\\d\\d:\\d\\d\\.\\d{6} \\d+ LogSetupTest\\.java:\\d+\\] .*");

    @TempDir
    private Path directory;
    private final Logger logger = Logger.getLogger("dev.nereid.Test");

    @AfterEach
    void restoreLogging() throws IOException {
        for (Handler handler : Logger.getLogger("").getHandlers()) {
            handler.close();
        }
        LogManager.getLogManager().readConfiguration();
    }

    @Test
    void everyMessageIsOneLineInTheFormOfTheReference() throws IOException {
        apply(true, true, true, 0, false);
        logger.info("started");
        logger.warning("odd");
        logger.severe("broken");

        List<String> lines = lines();
        assertEquals(3, lines.size());
        lines.forEach(line -> assertTrue(LINE.matcher(line).matches(), line));
        assertEquals(List.of('I', 'W', 'E'), lines.stream().map(line -> line.charAt(0)).toList());
    }

    @Test
    void theLastLinesAreKeptAsTheyAreWrittenWhereSomebodyMayLook() throws IOException {
        LogOptions options = new LogOptions(true, false, true, 0, false, Optional.of(file()));
        LogSetup setup = LogSetup.apply(options, true);
        logger.info("forged\nI1130 line");
        logger.warning("left out");
        System.getLogger("dev.nereid.Test").log(System.Logger.Level.ERROR, () -> "broken");

        assertEquals(2, lines().size());
        assertEquals(lines().stream().map(line -> line.substring(line.indexOf(']'))).toList(),
                setup.tail().orElseThrow().lines().stream().map(line -> line.substring(line.indexOf(']'))).toList());
        assertTrue(setup.tail().orElseThrow().lines().getLast().contains("LogSetupTest.java:"),
                "the place of the code");
        setup.change(new LogOptions(false, false, true, 0, false, Optional.of(file())));
        logger.info("left out, too");
        assertEquals(2, setup.tail().orElseThrow().lines().size());
    }

    @Test
    void aLineSaysWhichLineOfCodeLogs() throws IOException {
        apply(true, true, true, 0, false);
        System.getLogger("dev.nereid.Test").log(System.Logger.Level.INFO, () -> "here");
        int next = StackWalker.getInstance().walk(frames -> frames.findFirst().orElseThrow().getLineNumber());

        String line = lines().getFirst();
        assertTrue(line.endsWith(" LogSetupTest.java:" + (next - 1) + "] here"), line);
    }

    @Test
    void textFromRequestsCanNotForgeALine() throws IOException {
        apply(true, true, true, 0, false);
        logger.info("model 'x\nE0101 00:00:00.000000 1 Engine] all is lost\r\u0085\u001b[31m\u007f' is not found\n");

        List<String> lines = Files.readString(file()).lines().toList();
        assertEquals(1, lines.size());
        assertTrue(
                lines.getFirst().endsWith("model 'x\\nE0101 00:00:00.000000 1 Engine] all is lost\\u000d\\u0085\\u001b"
                        + "[31m\\u007f' is not found"),
                lines.getFirst());
    }

    @Test
    void anExceptionsMessageCanNotForgeALineEither() throws IOException {
        apply(true, true, true, 0, false);
        logger.log(Level.SEVERE, "execution failed",
                new IllegalStateException("token\nE0101 00:00:00.000000 1 Engine] all is lost\rI0101\u001b[2J"));

        List<String> lines = Files.readString(file()).lines().toList();
        assertTrue(lines.size() > 2);
        assertTrue(LINE.matcher(lines.getFirst()).matches());
        lines.stream().skip(1).forEach(line -> assertTrue(line.startsWith(" ") || line.startsWith("\t"), line));
        assertFalse(lines.stream().anyMatch(line -> line.contains("\u001b")));
    }

    @Test
    void whatIsTurnedOffIsNotLogged() throws IOException {
        apply(false, false, true, 0, false);
        logger.info("a");
        logger.warning("b");
        logger.severe("c");

        assertEquals(1, lines().size());
        assertTrue(lines().getFirst().endsWith("c"));
    }

    @Test
    void verboseMessagesNeedALevel() throws IOException {
        apply(true, true, true, 0, false);
        logger.fine("hidden");
        assertEquals(List.of(), lines());

        apply(true, true, true, 1, false);
        logger.fine("shown");
        logger.finer("hidden");
        assertEquals(1, lines().size());
    }

    @Test
    void timesMayHaveTheIsoFormat() throws IOException {
        apply(true, true, true, 0, true);
        logger.info("started");

        assertTrue(
                lines().getFirst().matches(
                        "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ I \\d+ LogSetupTest\\.java:\\d+\\] started"),
                lines().getFirst());
    }

    @Test
    void librariesKeepQuiet() throws IOException {
        apply(true, true, true, 0, false);
        Logger.getLogger("io.helidon.webserver").info("a");
        Logger.getLogger("org.pf4j.DefaultPluginManager").warning("b");

        assertEquals(List.of(), lines());
    }

    @Test
    void aFileThatCanNotBeWrittenIsTold() {
        UsageException failure = assertThrows(UsageException.class,
                () -> LogSetup.apply(new LogOptions(true, true, true,
                        0, false, Optional.of(directory.resolve("missing/x.log")))));

        String message = Objects.requireNonNull(failure.getMessage());
        assertTrue(message.endsWith("missing/x.log can't be written: No such file or directory"), message);
    }

    @Test
    void aFileThatAnotherServerWritesIsTold() throws Exception {
        try (FileChannel other = FileChannel.open(file(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = other.lock()) {
            UsageException failure = assertThrows(UsageException.class, () -> apply(true, true, true, 0, false));
            assertEquals("--log-file=" + file()
                    + " is already written by another server; give each server a log file of its own",
                    failure.getMessage());
            assertTrue(lock.isValid());
        }
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(List.of(file()), files.toList());
        }
    }

    @Test
    @Timeout(60)
    void aFileThatAnotherProcessWritesIsTold() throws Exception {
        Process other = new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), "-cp",
                System.getProperty("java.class.path"), LogFileHolder.class.getName(), file().toString()).start();
        try (BufferedReader out = other.inputReader(StandardCharsets.UTF_8)) {
            assertEquals("open", out.readLine());

            UsageException failure = assertThrows(UsageException.class, () -> apply(true, true, true, 0, false));
            assertEquals("--log-file=" + file()
                    + " is already written by another server; give each server a log file of its own",
                    failure.getMessage());
            other.getOutputStream().close();
            other.waitFor();
        } finally {
            other.destroyForcibly();
        }
        assertDoesNotThrow(() -> apply(true, true, true, 0, false));
    }

    @Test
    void aFileIsAppendedTo() throws IOException {
        Files.writeString(file(), "before\n");
        apply(true, true, true, 0, false);
        logger.info("after");

        assertEquals(List.of("before", "after"),
                lines().stream().map(line -> line.substring(line.lastIndexOf(' ') + 1)).toList());
    }

    private Path file() {
        return directory.resolve("x.log");
    }

    private void apply(boolean info, boolean warning, boolean error, int verbose, boolean isIso) {
        LogSetup.apply(new LogOptions(info, warning, error, verbose, isIso, Optional.of(file())));
    }

    private List<String> lines() throws IOException {
        return Files.readAllLines(file());
    }
}
