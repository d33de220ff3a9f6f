package dev.nereid.isolation.host;

import dev.nereid.isolation.wire.LogLine;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;

/**
 * Brings what a worker process writes into the server's log, with the name of its model before it. Lines of the process's
 * own logger keep their level; what else it prints, as native libraries do, is INFO.
 */
final class OutputPump {
    private static final Logger LOGGER = System.getLogger("dev.nereid.worker");
    private static final int MAX_LINE = 16_000;

    private OutputPump() {
    }

    /** Starts a thread that reads until the process closes its output. */
    static Thread start(String who, InputStream output) {
        return Thread.ofPlatform().name("nereid-worker-log").daemon(true).start(() -> {
            try (BufferedReader lines = new BufferedReader(new InputStreamReader(output, StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    log(who, line.length() > MAX_LINE ? line.substring(0, MAX_LINE) : line);
                }
            } catch (IOException e) {
                LOGGER.log(Level.DEBUG, () -> who + ": its output can't be read: " + e);
            }
        });
    }

    private static void log(String who, String line) {
        LogLine parsed = LogLine.parse(line);
        // The JVM says at length what the crash report says better.
        if (!parsed.text().isBlank() && !parsed.text().startsWith("#")) {
            LOGGER.log(parsed.level(), () -> who + ": " + parsed.text());
        }
    }
}
