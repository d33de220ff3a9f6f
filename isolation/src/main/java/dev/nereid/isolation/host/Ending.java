package dev.nereid.isolation.host;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a worker process has ended.
 *
 * @param text completes the sentence "its process", for clients
 * @param report the JVM's crash report, for the log
 */
record Ending(String text, Optional<Path> report) {
    private static final Map<Integer, String> SIGNALS = Map.ofEntries(Map.entry(1, "SIGHUP"), Map.entry(2, "SIGINT"),
            Map.entry(3, "SIGQUIT"), Map.entry(4, "SIGILL"), Map.entry(6, "SIGABRT"), Map.entry(7, "SIGBUS"),
            Map.entry(8, "SIGFPE"), Map.entry(9, "SIGKILL"), Map.entry(11, "SIGSEGV"), Map.entry(13, "SIGPIPE"),
            Map.entry(15, "SIGTERM"), Map.entry(31, "SIGSYS"));
    private static final int SIGNALLED = 128;
    private static final int KILLED = SIGNALLED + 9;
    /** With which a JVM exits whose heap is exhausted. */
    private static final int OUT_OF_MEMORY = 3;
    private static final Pattern REPORTED = Pattern.compile("#\\s+(SIG[A-Z]+) \\(0x.*");
    private static final int HEAD_LINES = 12;

    /**
     * Reads an exit status.
     *
     * @param status as the JDK gives it: that of the process, or 128 and the signal
     * @param report where a crash report would be
     */
    static Ending of(int status, Path report) {
        Optional<Path> written = Optional.of(report).filter(Files::isRegularFile);
        Optional<String> reported = written.flatMap(Ending::reported);
        if (reported.isPresent()) {
            return new Ending("ended with " + reported.get(), written);
        }
        if (status > SIGNALLED && SIGNALS.containsKey(status - SIGNALLED)) {
            return new Ending("ended with " + SIGNALS.get(status - SIGNALLED) + (status == KILLED
                    ? ", as the system does where memory runs out"
                    : ""), written);
        }
        if (status == OUT_OF_MEMORY) {
            return new Ending("ran out of memory on its heap", written);
        }
        return new Ending("exited with status " + status, written);
    }

    /** Returns the signal that a report tells of: a JVM that is hit by one writes the report and exits. */
    private static Optional<String> reported(Path report) {
        try (BufferedReader lines = Files.newBufferedReader(report, StandardCharsets.ISO_8859_1)) {
            for (int i = 0; i < HEAD_LINES; i++) {
                String line = lines.readLine();
                Matcher matcher = REPORTED.matcher(line == null ? "" : line);
                if (matcher.matches()) {
                    return Optional.of(matcher.group(1));
                }
            }
        } catch (IOException e) {
            // The status says something, too.
        }
        return Optional.empty();
    }
}
