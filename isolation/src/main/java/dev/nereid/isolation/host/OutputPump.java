package dev.nereid.isolation.host;

import dev.nereid.isolation.wire.LogLine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Brings what a worker process writes into the server's log, with the name of its model before it. Lines of the process's
 * own logger keep their level; what else it prints, as native libraries do, is INFO.
 */
final class OutputPump {
    private static final Logger LOGGER = System.getLogger("dev.nereid.worker");
    /** What a line has beyond this is dropped, so that a process can't fill the server's memory with a line without end. */
    static final int MAX_LINE = 16_000;

    private OutputPump() {
    }

    /** Starts a thread that reads until the process closes its output. */
    static Thread start(String who, InputStream output) {
        return Thread.ofPlatform().name("nereid-worker-log").daemon(true).start(() -> {
            try (Reader characters = new BufferedReader(new InputStreamReader(output, StandardCharsets.UTF_8))) {
                for (Optional<String> line = line(characters); line.isPresent(); line = line(characters)) {
                    log(who, LogLine.parse(line.get()));
                }
            } catch (IOException e) {
                LOGGER.log(Level.DEBUG, () -> who + ": its output can't be read: " + e);
            }
        });
    }

    /** Returns the next line, or the beginning of a very long one; empty at the end. */
    static Optional<String> line(Reader characters) throws IOException {
        StringBuilder line = new StringBuilder();
        int next = characters.read();
        if (next < 0) {
            return Optional.empty();
        }
        for (; next >= 0 && next != '\n'; next = characters.read()) {
            if (line.length() < MAX_LINE) {
                line.append((char) next);
            }
        }
        return Optional.of(line.toString());
    }

    private static void log(String who, LogLine line) {
        if (!line.text().isBlank()) {
            LOGGER.log(line.level(), () -> who + ": " + line.text().stripTrailing());
        }
    }
}
